// The Loop of one life of the daemon. Blocking calls run at one simulated moment and their answers
// come at a later one. When the daemon dies all that is pending is dropped: a call may have had
// its effect without anybody hearing of it.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "ports/pool.h"
#include "sim/faults.h"
#include "sim/timeline.h"

namespace moln::sim {

class SimLoop final : public Loop {
public:
    SimLoop(Timeline& timeline, Random& random, Faults& faults)
        : timeline_(timeline), random_(random), faults_(faults) {}
    ~SimLoop() override { *alive_ = false; }
    SimLoop(const SimLoop&) = delete;
    SimLoop& operator=(const SimLoop&) = delete;

    Now now() const override { return timeline_.now(); }
    void after(Milliseconds delay, std::function<void()> callback) override;
    void post(std::function<void()> callback) override;
    void submit(const std::string& key, std::function<void()> job,
                std::function<void()> done) override;

private:
    struct Job {
        std::function<void()> job;
        std::function<void()> done;
    };
    void run_next(const std::string& key);
    Milliseconds duration();

    Timeline& timeline_;
    Random& random_;
    Faults& faults_;
    std::map<std::string, std::deque<Job>> lanes_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace moln::sim
