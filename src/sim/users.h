// People who deploy, scale, roll back, stop, start, restart, remove, recover and run things at
// random. They repeat a command with its key until they hear an answer, over any number of
// daemons' lives.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ports/control.h"
#include "sim/checkers.h"
#include "sim/host.h"

namespace moln::sim {

class Users {
public:
    explicit Users(Host& host) : host_(host), random_(host.random) {}

    void daemon_started(Control* control);
    void daemon_died() { control_ = nullptr; }
    // One user does one thing.
    void act();
    // One does something about public hosts and their certificates.
    void act_on_hosts();
    // Every command that needs an answer has one.
    bool are_answered() const { return waiting_.empty(); }
    std::int64_t acknowledged() const { return acknowledged_; }
    std::int64_t refused() const { return refused_; }

private:
    struct Waiting {
        Command command;
        std::string name;
    };

    Command invent();
    Command about_hosts();
    DeployCommand deploy(std::int64_t kind);
    Command about_trash(const AppId& app);
    Command about_instances(const AppId& app);
    std::string digest();
    void send(const std::string& key, const Waiting& waiting);
    void ask(Command command, std::string name);

    Host& host_;
    Random& random_;
    Control* control_ = nullptr;
    std::map<std::string, Waiting> waiting_;  // by idempotency key
    std::int64_t commands_ = 0;
    std::int64_t deploys_ = 0;
    std::int64_t acknowledged_ = 0;
    std::int64_t refused_ = 0;
};

}  // namespace moln::sim
