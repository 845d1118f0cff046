// A value that cannot be printed, compared by accident or left in memory: secrets have this type
// from the moment they are read until they are handed to an instance.
#pragma once

#include <string>
#include <utility>

namespace moln {

class Secret {
public:
    Secret() = default;
    explicit Secret(std::string bytes) : bytes_(std::move(bytes)) {}
    Secret(const Secret&) = default;
    Secret& operator=(const Secret&) = default;
    Secret(Secret&&) noexcept = default;
    Secret& operator=(Secret&&) noexcept = default;
    ~Secret() { wipe(); }

    // The one way to the bytes; grep for it to find every place that sees a secret.
    const std::string& reveal() const { return bytes_; }
    bool empty() const { return bytes_.empty(); }

private:
    void wipe() {
        volatile char* p = bytes_.data();
        for (std::size_t i = 0; i < bytes_.size(); ++i) p[i] = 0;
    }
    std::string bytes_;
};

}  // namespace moln
