// Random numbers from the kernel.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "ports/entropy.h"

namespace moln {

class HostEntropy final : public Entropy {
public:
    std::uint64_t next() override;

private:
    std::array<std::uint64_t, 32> drawn_{};  // 256 bytes: the most getrandom gives at a time
    std::size_t left_ = 0;
};

}  // namespace moln
