// Whether passwords are right, found out on a thread of its own: it costs tens of milliseconds
// each. What was right once is remembered, under a key of this process, so that it is asked once a
// password and not once a request.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_set>

#include "base/secret.h"
#include "edge/sip_hash.h"

namespace moln::edge_loop {

struct WorkerPort;

enum class PasswordVerdict : std::uint8_t { pending, right, wrong };

struct PasswordCheck {
    std::string hash;
    Secret password;
    WorkerPort* asker = nullptr;  // told by password_news
    std::atomic<PasswordVerdict> verdict = PasswordVerdict::pending;
};

class PasswordChecker {
public:
    static constexpr std::size_t k_waiting_max = 64;
    static constexpr std::size_t k_known_max = 10'000;

    PasswordChecker(edge::SipKey first, edge::SipKey second) : first_(first), second_(second) {}

    // Before it nothing is checked. The thread ends with the checker.
    void start();

    // It was right for that hash before.
    bool known(std::string_view hash, std::string_view password);
    // Null: too many wait. One that nobody holds any more when its turn comes is not checked.
    std::shared_ptr<PasswordCheck> check(std::string_view hash, std::string_view password,
                                         WorkerPort& asker);

private:
    using Proof = std::pair<std::uint64_t, std::uint64_t>;
    struct ProofHash {
        std::size_t operator()(const Proof& proof) const { return proof.first; }
    };
    Proof proof_of(std::string_view hash, std::string_view password) const;
    void work(const std::stop_token& stop);

    edge::SipKey first_, second_;
    std::mutex mutex_;  // of both next
    std::deque<std::shared_ptr<PasswordCheck>> waiting_;
    std::unordered_set<Proof, ProofHash> known_;
    std::condition_variable_any news_;
    std::jthread thread_;  // last: it uses the others
};

}  // namespace moln::edge_loop
