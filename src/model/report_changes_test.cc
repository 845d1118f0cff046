#include "model/report_changes.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace moln {
namespace {

EdgeReport any_report() {
    EdgeReport report;
    report.acked_version = *rc::gen::inRange(0, 9);
    for (int i = 0; i < 8; ++i) {
        if (*rc::gen::arbitrary<bool>()) {
            EndpointReport one;
            one.instance = InstanceId("web-" + std::to_string(i));
            one.requests_total = *rc::gen::inRange(0, 2);
            report.endpoints.push_back(one);
        }
        if (*rc::gen::arbitrary<bool>()) {
            EdgeAppReport one;
            one.app = AppId("default/app-" + std::to_string(i / 2));
            one.process = i % 2 == 0 ? "api" : "web";
            one.held = *rc::gen::inRange(0, 2);
            report.apps.push_back(one);
        }
    }
    return report;
}

TEST(ReportChanges, what_is_taken_is_what_is_now_however_often) {
    rc::check([] {
        EdgeReport here = any_report();
        EdgeReport there = here;
        for (int i = 0; i < 3; ++i) {
            const auto now = any_report();
            take_changes(there, changes_since(here, now));
            RC_ASSERT(there == now);
            here = now;
        }
    });
}

TEST(ReportChanges, of_what_rests_nothing_is_said) {
    rc::check([] {
        const auto report = any_report();
        const auto changes = changes_since(report, report);
        RC_ASSERT(changes.report.endpoints.empty() && changes.report.apps.empty());
        RC_ASSERT(changes.endpoints_gone.empty() && changes.apps_gone.empty());
        RC_ASSERT(changes.report.acked_version == report.acked_version);
    });
}

TEST(ReportChanges, a_report_is_brought_into_its_order) {
    EdgeReport report;
    report.endpoints.resize(2);
    report.endpoints[0].instance = InstanceId("b");
    report.endpoints[1].instance = InstanceId("a");
    report.apps.resize(2);
    report.apps[0].process = "web";
    report.apps[1].process = "api";
    sort_report(report);
    EXPECT_EQ(report.endpoints[0].instance.text, "a");
    EXPECT_EQ(report.apps[0].process, "api");
}

}  // namespace
}  // namespace moln
