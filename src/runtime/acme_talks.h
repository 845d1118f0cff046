// Carries out what the plan orders of the public authority (plan::AcmeStep): calls of ports/acme.h
// in the pool, whose answers become what the World has under way. Decides nothing. Loop thread
// only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "plan/plan.h"
#include "ports/acme.h"
#include "ports/pool.h"

namespace moln {

class AcmeTalks {
public:
    // `changed` is called when there is something new in `world`. All outlive the loop's jobs.
    AcmeTalks(Loop& loop, Acme& acme, World& world, std::function<void()> changed)
        : loop_(loop), acme_(acme), world_(world), changed_(std::move(changed)) {}

    // Of a plan whose changes are committed.
    void take(const std::vector<plan::AcmeStep>& steps);

private:
    void register_account();
    void begin(const plan::AcmeStep& step);
    void finish(const plan::AcmeStep& step, AcmeAnswer answer);
    void begun(const plan::AcmeStep& step, Result<AcmeBegun> begun);
    void finished(const plan::AcmeStep& step, Result<Certificate> certificate);
    // Null: another took its place.
    AcmeAttempt* attempt_of(const plan::AcmeStep& step);

    Loop& loop_;
    Acme& acme_;
    World& world_;
    std::function<void()> changed_;
};

}  // namespace moln
