#include "io/tls/ticket_keys.h"

#include <algorithm>

#include <openssl/rand.h>

namespace moln::tls {

std::optional<TicketKey> fresh_ticket_key(MonoTime now) {
    TicketKey key{.made = now};
    for (const auto bytes :
         {std::span<unsigned char>(key.name), std::span<unsigned char>(key.cipher),
          std::span<unsigned char>(key.mac)}) {
        if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return std::nullopt;
    }
    return key;
}

void TicketKeys::drop_old(MonoTime now) {
    std::erase_if(keys_, [&](const TicketKey& key) { return now - key.made >= k_ticket_key_kept; });
}

std::optional<TicketKey> TicketKeys::current(MonoTime now) {
    const std::lock_guard lock(mutex_);
    drop_old(now);
    const auto life = shared_ ? k_shared_key_life : k_ticket_key_life;
    if (!keys_.empty() && now - keys_.front().made < life) return keys_.front();
    auto key = fresh_ticket_key(now);
    if (!key) return std::nullopt;
    shared_ = false;
    keys_.insert(keys_.begin(), *key);
    if (keys_.size() > k_ticket_keys_kept) keys_.resize(k_ticket_keys_kept);
    return key;
}

std::optional<TicketKeys::Found> TicketKeys::find(std::span<const unsigned char, 16> name,
                                                  MonoTime now) {
    const std::lock_guard lock(mutex_);
    drop_old(now);
    const auto life = shared_ ? k_shared_key_life : k_ticket_key_life;
    for (const auto& key : keys_) {
        if (!std::ranges::equal(key.name, name)) continue;
        return Found{.key = key, .renew = &key != &keys_.front() || now - key.made >= life};
    }
    return std::nullopt;
}

std::vector<TicketKey> TicketKeys::all(MonoTime now) {
    const std::lock_guard lock(mutex_);
    drop_old(now);
    return keys_;
}

void TicketKeys::adopt(std::span<const TicketKey> keys) {
    const std::lock_guard lock(mutex_);
    const auto count = std::min(keys.size(), k_ticket_keys_kept);
    keys_.assign(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(count));
    shared_ = false;
}

void TicketKeys::share(std::span<const TicketKey> keys) {
    if (keys.empty()) return;
    const std::lock_guard lock(mutex_);
    std::vector<TicketKey> next(keys.begin(), keys.end());
    for (const auto& key : keys_) {
        if (std::ranges::find(next, key.name, &TicketKey::name) == next.end()) next.push_back(key);
    }
    if (next.size() > k_ticket_keys_kept) next.resize(k_ticket_keys_kept);
    keys_ = std::move(next);
    shared_ = true;
}

}  // namespace moln::tls
