#include "ports/entropy.h"

#include <string_view>

namespace moln {

std::string fresh_suffix(Entropy& entropy, std::size_t length) {
    constexpr std::string_view k_alphabet = "23456789abcdefghjkmnpqrstuvwxyz";
    std::string suffix;
    for (std::size_t i = 0; i < length; ++i) {
        suffix += k_alphabet[entropy.next() % k_alphabet.size()];
    }
    return suffix;
}

}  // namespace moln
