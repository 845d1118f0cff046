// Acme by uacme(1). See ports/acme.h. The account's key lies in a file of an attempt's folder
// (0700, below DATA/run) while it runs; a certificate's key is made here and never lies in a file.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "drivers/acme/uacme.h"
#include "io/host/seal.h"
#include "ports/acme.h"

namespace moln {

class RealAcme final : public Acme {
public:
    // `seals` outlives it. What an earlier daemon left below `folder` goes.
    RealAcme(const SealBox& seals, std::string folder);
    // What still runs in the pool is ended, and waited for.
    ~RealAcme() override;

    Status register_account(const AcmeAccount& account) override;
    Result<AcmeBegun> begin(const AcmeAccount& account, const AcmeOrder& order) override;
    Result<Certificate> finish(const std::string& host, AcmeAnswer answer) override;

private:
    struct Attempt {
        AcmeOrder order;
        std::unique_ptr<Uacme> uacme;
        Secret key;  // of the certificate to come
    };

    // While a call is under way.
    class Busy {
    public:
        explicit Busy(RealAcme& acme);
        ~Busy();
        Busy(const Busy&) = delete;
        Busy& operator=(const Busy&) = delete;

    private:
        RealAcme& acme_;
    };

    Result<std::unique_ptr<Uacme>> prepare(const AcmeAccount& account, const std::string& name,
                                           ChallengeKind challenge) const;
    Result<EdgeChallenge> challenge_of(const AcmeOrder& order, const OfferedChallenge& offer) const;
    Result<Certificate> take(Attempt& attempt) const;

    const SealBox& seals_;
    SealBox edge_seals_;
    std::string folder_;
    std::atomic<bool> cancelled_ = false;
    std::mutex mutex_;
    std::condition_variable idle_;
    int busy_ = 0;
    std::map<std::string, std::unique_ptr<Attempt>> attempts_;  // by host; those that wait
};

}  // namespace moln
