// Carries out what the plan orders of OCSP: certificates are looked at once for whom they name, the
// responder is asked in the pool, and what came is what the World has seen. Decides nothing. Loop
// thread only.
#pragma once

#include <functional>
#include <vector>

#include "model/world.h"
#include "ports/certificates.h"
#include "ports/entropy.h"
#include "ports/pool.h"

namespace moln {

class StapleTalks {
public:
    // `changed` is called when there is something new in `world`, `tell` with what people are to
    // know. All outlive the loop's jobs.
    StapleTalks(Loop& loop, Certificates& certificates, World& world, Entropy& entropy,
                std::function<void()> changed, std::function<void(Event)> tell)
        : loop_(loop),
          certificates_(certificates),
          world_(world),
          entropy_(entropy),
          changed_(std::move(changed)),
          tell_(std::move(tell)) {}

    // Makes World::staples name the certificates that there are.
    void look();
    void ask(const std::vector<CertificateId>& due, const Now& now);
    bool asking() const;

private:
    void answered(const Certificate& about, Result<Staple> answer);

    Loop& loop_;
    Certificates& certificates_;
    World& world_;
    Entropy& entropy_;
    std::function<void()> changed_;
    std::function<void(Event)> tell_;
};

}  // namespace moln
