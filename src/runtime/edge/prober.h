// Active health: asks every endpoint of the snapshot on schedule and keeps what it learnt. Runs in
// the control thread's loop; never blocks.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "edge/health.h"
#include "http/head.h"
#include "io/file/fd.h"
#include "io/net/epoll.h"
#include "runtime/edge/control_part.h"
#include "runtime/edge/tables.h"

namespace moln::edge_loop {

class Prober {
public:
    // `on_change` is called when an endpoint's health changed; its cell says so already.
    Prober(net::Epoll& epoll, std::function<void(const EndpointCell&)> on_change)
        : epoll_(epoll), on_change_(std::move(on_change)) {}

    // The endpoints to ask from now on, which differ from those of before at the places `touched`.
    // What is known of those that stay is kept; new ones are asked at the next run_due().
    void set_targets(const Tables& tables, std::span<const std::uint32_t> touched,
                     std::int64_t now_ms);
    // Begins the probes that are due and gives up those that take too long. Once a turn, after its
    // events: they may be of targets that were dropped in it.
    void run_due(std::int64_t now_ms);
    // When run_due() has something to do; -1: never.
    std::int64_t next_due_ms() const;

    // Of the last failed probe; "" when all is well or unknown.
    std::string reason(const EndpointCell* cell) const;

private:
    struct Target : ControlPart {
        std::shared_ptr<EndpointCell> cell;
        HealthSpec spec;
        EndpointState state = EndpointState::warming;
        std::string request;  // of an http probe
        edge::ProbedHealth health;
        std::int64_t due_ms = 0;  // to begin, or to give up
        std::uint64_t seen = 0;
        Fd fd;  // open while a probe runs
        bool connected = false;
        std::size_t sent = 0;
        std::string answer;

        Prober* prober = nullptr;
        void on_event(std::uint32_t events, std::int64_t now_ms) override;
    };

    static std::string late_reason(const Target& target);
    void set_target(const AppEntry& app, std::size_t endpoint, std::int64_t now_ms);
    void drop(const EndpointCell* cell);
    void schedule(Target& target, std::int64_t due_ms);
    void begin(Target& target, std::int64_t now_ms);
    void advance(Target& target, std::uint32_t events, std::int64_t now_ms);
    void read_answer(Target& target, std::int64_t now_ms);
    void finish(Target& target, const edge::ProbeOutcome& outcome, std::int64_t now_ms);

    net::Epoll& epoll_;
    std::function<void(const EndpointCell&)> on_change_;
    std::map<const EndpointCell*, std::unique_ptr<Target>> targets_;
    std::vector<std::vector<const EndpointCell*>> by_place_;  // of targets_
    std::set<std::pair<std::int64_t, Target*>> due_;
    std::vector<std::unique_ptr<Target>> dropped_;  // freed by run_due()
    std::size_t running_ = 0;
    std::uint64_t generation_ = 0;
};

}  // namespace moln::edge_loop
