// Any bytes as an authority and as a path: what is accepted has only the bytes it may have, and
// normalising is idempotent, never grows and leaves no dot segment.
#include <array>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "http/field.h"
#include "http/url.h"

namespace moln::http {
namespace {

void check_authority(std::string_view text) {
    const auto authority = parse_authority(text);
    if (!authority) return;
    CHECK(!authority->host.empty() && text.starts_with(authority->host));
    CHECK(text.find_first_of(" \t\r\n@/?#%,\\") == std::string_view::npos);
    std::array<char, k_host_bytes_max> out;
    const std::string_view host = normalise_host(authority->host, out);
    const auto again = parse_authority(host);
    CHECK(again && again->host == host && !again->port);
    CHECK(authority->host.starts_with('[') || is_host_name(host));
    std::string rebuilt(authority->host);
    if (authority->port) rebuilt += ":" + std::to_string(*authority->port);
    CHECK(rebuilt == text);
}

void check_path(std::string_view path) {
    if (!is_path(path)) return;
    std::string out(path.size(), '\0');
    const auto once = normalise_path(path, out);
    if (!once) {
        CHECK(path.find("..") != std::string_view::npos ||
              path.find('%') != std::string_view::npos);
        return;
    }
    CHECK(is_path(*once) && once->size() <= path.size());
    std::string out_again(once->size(), '\0');
    CHECK(normalise_path(*once, out_again) == *once);
    std::string out_loose(path.size(), '\0');
    if (const auto loose = normalise_path_loosely(path, out_loose)) {
        CHECK(is_path(*loose) && loose->find("//") == std::string_view::npos);
        std::string out_loose_again(loose->size(), '\0');
        CHECK(normalise_path_loosely(*loose, out_loose_again) == *loose);
    }
    const std::string closed = std::string(*once) + "/";
    CHECK(closed.find("/./") == std::string::npos && closed.find("/../") == std::string::npos);
}

}  // namespace
}  // namespace moln::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    moln::http::check_authority(text);
    moln::http::check_path(text);
    return 0;
}
