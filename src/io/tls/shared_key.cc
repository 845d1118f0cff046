#include "io/tls/shared_key.h"

#include <algorithm>
#include <string>

namespace moln::tls {
namespace {

constexpr std::size_t k_time_bytes = 8;
constexpr std::size_t k_packed_bytes =
    sizeof TicketKey::name + sizeof TicketKey::cipher + sizeof TicketKey::mac + k_time_bytes;

}  // namespace

std::optional<SharedKey> fresh_shared_key(WallTime now) {
    const auto key = fresh_ticket_key({});
    if (!key) return std::nullopt;
    return SharedKey{.key = *key, .made = now};
}

Secret pack(const SharedKey& key) {
    std::string bytes;
    bytes.reserve(k_packed_bytes);
    const auto append = [&](const auto& part) { bytes.append(part.begin(), part.end()); };
    append(key.key.name);
    append(key.key.cipher);
    append(key.key.mac);
    const auto time = static_cast<std::uint64_t>(key.made.ms);
    for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(time >> shift);
    return Secret(std::move(bytes));
}

std::optional<SharedKey> unpack(const Secret& packed) {
    std::string_view bytes = packed.reveal();
    if (bytes.size() != k_packed_bytes) return std::nullopt;
    SharedKey key;
    const auto take = [&](auto& part) {
        std::copy_n(bytes.begin(), part.size(), part.begin());
        bytes.remove_prefix(part.size());
    };
    take(key.key.name);
    take(key.key.cipher);
    take(key.key.mac);
    std::uint64_t time = 0;
    for (const char c : bytes) time = time << 8 | static_cast<unsigned char>(c);
    key.made = {static_cast<std::int64_t>(time)};
    return key;
}

}  // namespace moln::tls
