#include "runtime/edge/password_checker.h"

#include <span>

#include "base/password.h"
#include "runtime/edge/core.h"

namespace moln::edge_loop {

void PasswordChecker::start() {
    thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

PasswordChecker::Proof PasswordChecker::proof_of(std::string_view hash,
                                                 std::string_view password) const {
    std::string both;
    both.reserve(hash.size() + 1 + password.size());
    both.append(hash).append(1, '\0').append(password);
    const Secret text(std::move(both));
    const auto bytes = std::as_bytes(std::span(text.reveal()));
    return {edge::sip_hash(first_, bytes), edge::sip_hash(second_, bytes)};
}

bool PasswordChecker::known(std::string_view hash, std::string_view password) {
    const auto proof = proof_of(hash, password);
    const std::lock_guard lock(mutex_);
    return known_.contains(proof);
}

std::shared_ptr<PasswordCheck> PasswordChecker::check(std::string_view hash,
                                                      std::string_view password,
                                                      WorkerPort& asker) {
    auto check = std::make_shared<PasswordCheck>();
    check->hash = hash;
    check->password = Secret(std::string(password));
    check->asker = &asker;
    {
        const std::lock_guard lock(mutex_);
        if (waiting_.size() >= k_waiting_max) return nullptr;
        waiting_.push_back(check);
    }
    news_.notify_one();
    return check;
}

void PasswordChecker::work(const std::stop_token& stop) {
    for (;;) {
        std::shared_ptr<PasswordCheck> check;
        {
            std::unique_lock lock(mutex_);
            if (!news_.wait(lock, stop, [this] { return !waiting_.empty(); })) return;
            check = std::move(waiting_.front());
            waiting_.pop_front();
        }
        if (check.use_count() == 1) continue;  // its client left
        const bool right = password_matches(check->password, check->hash);
        if (right) {
            const auto proof = proof_of(check->hash, check->password.reveal());
            const std::lock_guard lock(mutex_);
            if (known_.size() >= k_known_max) known_.clear();
            known_.insert(proof);
        }
        check->verdict = right ? PasswordVerdict::right : PasswordVerdict::wrong;
        WorkerPort& asker = *check->asker;
        if (!asker.password_news.exchange(true)) asker.wake.ring();
    }
}

}  // namespace moln::edge_loop
