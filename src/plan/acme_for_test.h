// A cloud with an app and a public authority that moves only with the plan, for tests.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/certificate.h"
#include "plan/acme.h"
#include "plan/invariants.h"
#include "plan/reality.h"

namespace moln::plan {

inline const AppId k_shop("default/shop");

class Acme : public testing::Test {
protected:
    Acme() {
        r.on_plan = [this](const World& before, const Plan& plan) {
            World after = before;
            auto changes = plan.changes;
            number_events(changes, before.event_number);
            for (const auto& change : changes) apply(after, change);
            EXPECT_THAT(broken_invariants(before, plan, after), testing::IsEmpty());
            for (const auto& step : plan.acme) {
                if (step.verb == AcmeVerb::begin) begun[step.host].push_back(r.now.steady);
                steps.push_back(step);
            }
        };
    }
    void deploy(const std::vector<std::string>& hosts = {}) {
        ASSERT_TRUE(r.command(deploy_of("default/shop", web_config(1))));
        ASSERT_GE(r.settle(), 0);
        for (const auto& host : hosts) route(host);
    }
    std::string route(const std::string& host) {
        const auto done = r.command(AddRouteCommand{k_shop, {.host = host}});
        EXPECT_TRUE(done) << done.error().reason;
        EXPECT_GE(r.settle(), 0);
        return done ? done->reply.text : "";
    }
    void agree() {
        const auto done = r.command(SetAcmeCommand{.agree_tos = true, .sealed_key = "sealed"});
        ASSERT_TRUE(done) << done.error().reason;
        ASSERT_GE(r.settle(), 0);
    }
    void pass(Milliseconds time) {
        r.pass(time);
        ASSERT_GE(r.settle(), 0);
    }
    const EdgeCertificate* given(const std::string& host) const {
        return serving_certificate(r.world.edge, host);
    }
    std::int64_t told(const std::string& name) const {
        return std::ranges::count_if(r.world.events,
                                     [&](const auto& one) { return one.second.name == name; });
    }
    std::string reason(const SetAcmeCommand& command) {
        const auto done = r.command(command);
        return done ? "" : done.error().reason;
    }

    Reality r;
    std::map<std::string, std::vector<SteadyTime>> begun;
    std::vector<AcmeStep> steps;
};

}  // namespace moln::plan
