// What goes wrong, how often, and whether it does at present. Rates are probabilities of one
// occasion; a mean of 0 is never.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "sim/random.h"

namespace moln::sim {

struct FaultRates {
    double crash_at_job = 0;  // the daemon dies before, within or after a blocking call
    Milliseconds crash_mean;  // and at any other moment
    double driver_error = 0;  // half of them after the effect
    double slow_call = 0;     // seconds instead of milliseconds
    double store_error = 0;   // half of them after the commit
    double exit_unheard = 0;  // an exit that nobody tells the daemon
    double link_cut = 0;      // a message between daemon and edge is lost with its connection
    double link_repeat = 0;   // is delivered twice
    double late_ack = 0;      // the edge takes seconds to apply a snapshot
    Milliseconds instance_death_mean;  // of any running instance, by itself
    Milliseconds edge_crash_mean;
    Milliseconds edge_upgrade_mean;  // a new process takes the place of the edge's, or fails to
    Milliseconds clock_step_mean;    // the wall clock is set, by up to a month
    double bad_release = 0;          // a deploy brings a release that does not work
    double authority = 0;            // a public authority refuses; with it users have public hosts
};

FaultRates no_faults();
FaultRates all_faults();
// "crash,driver,store,exit,link,death,edge,clock,release", "all" or "none". "authority"
// and "upgrade" are not among all, whose histories are older: say "all,authority,upgrade".
Result<FaultRates> faults_from(std::string_view words);

// Asked at every occasion. Draws even when it is off, so that switching faults off does not change
// what the draws after it mean.
class Faults {
public:
    Faults(const FaultRates& wanted, Random& random) : rates(wanted), random_(random) {}

    bool happens(double FaultRates::* what) {
        const bool drawn = random_.chance(rates.*what);
        return on && drawn;
    }
    // A step at which the daemon may die; once it does, every step after says so too.
    bool crash_step() {
        if (happens(&FaultRates::crash_at_job)) crashing = true;
        return crashing;
    }

    FaultRates rates;
    bool on = true;
    bool crashing = false;  // the daemon dies as soon as the present event is over

private:
    Random& random_;
};

}  // namespace moln::sim
