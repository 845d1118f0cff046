// Fresh ids and random numbers; a seeded one in the simulator.
#pragma once

#include <cstdint>
#include <string>

namespace moln {

class Entropy {
public:
    virtual ~Entropy() = default;
    virtual std::uint64_t next() = 0;
};

// `length` characters of lower-case letters and digits that are not easily confused (no 0 1 i l o).
std::string fresh_suffix(Entropy& entropy, std::size_t length);

}  // namespace moln
