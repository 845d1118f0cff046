// What authorities say of certificates: when they are asked, what is kept, what is told.
#include "plan/staples.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plan/certificates.h"
#include "plan/plan.h"

namespace moln::plan {
namespace {

using testing::IsEmpty;

class Cloud {
public:
    Cloud() {
        world.leading = true;
        world.self = NodeId("node");
    }

    CertificateId add(const std::string& name, const std::string& responder = "http://ocsp/") {
        const CertificateId id("cert-" + name);
        world.certificates[id] = {.id = id,
                                  .hosts = {name + ".org"},
                                  .source = CertificateSource::file,
                                  .not_before = now.wall,
                                  .not_after = now.wall + days(90),
                                  .fingerprint = "f-" + name,
                                  .created = now.wall};
        world.staples[id] = {.fingerprint = "f-" + name,
                             .facts = {.responder = responder},
                             .answer = {},
                             .retry = {},
                             .reason = {}};
        return id;
    }
    void pass(Milliseconds time) {
        now.wall = now.wall + time;
        now.mono = now.mono + time;
        now.steady = now.steady + time;
    }
    std::vector<CertificateId> work() {
        auto next = plan::plan(world, now, ++seed);
        for (auto& change : next.changes) {
            if (auto* put = std::get_if<PutEvent>(&change)) {
                put->event.number = ++world.event_number;
                events.push_back(put->event.name);
            }
            moln::apply(world, change);
        }
        if (next.edge) world.edge = *next.edge;
        wake = next.wake;
        return next.staples;
    }
    void answer(const CertificateId& id, Milliseconds life, const std::string& text = "good") {
        auto& seen = world.staples[id];
        seen.asking = false;
        staple_came(seen, {.response = text, .from = now.wall, .until = now.wall + life}, now);
    }
    const Certificate& certificate(const CertificateId& id) { return world.certificates.at(id); }

    World world;
    Now now{.wall = {1'800'000'000'000}, .mono = {1'000}, .steady = {1'800'000'000'000}};
    std::uint64_t seed = 0;
    std::optional<MonoTime> wake;
    std::vector<std::string> events;
};

TEST(Staples, an_authority_is_asked_at_once_and_again_at_half_of_what_it_said) {
    Cloud cloud;
    const auto id = cloud.add("shop");
    EXPECT_THAT(cloud.work(), testing::ElementsAre(id));
    cloud.answer(id, days(4));
    EXPECT_THAT(cloud.work(), IsEmpty());
    EXPECT_EQ(cloud.certificate(id).staple, "good");
    EXPECT_EQ(cloud.certificate(id).staple_until, cloud.now.wall + days(4));
    cloud.work();
    EXPECT_EQ(cloud.world.edge.certificates.front().staple, "good");
    cloud.pass(days(2) + Milliseconds{-1});
    EXPECT_THAT(cloud.work(), IsEmpty());
    cloud.pass({1});
    EXPECT_THAT(cloud.work(), testing::ElementsAre(id));
}

// Many responders make a new answer only shortly before the old one ends, or have it in a cache.
TEST(Staples, an_authority_that_says_the_same_again_is_not_asked_again_at_once) {
    Cloud cloud;
    const auto id = cloud.add("shop");
    const Staple same{
        .response = "same", .from = cloud.now.wall, .until = cloud.now.wall + days(4)};
    staple_came(cloud.world.staples[id], same, cloud.now);
    std::vector<std::int64_t> asked;  // minutes before it ends
    while (cloud.now.wall < same.until) {
        const auto due = cloud.work();
        if (!due.empty()) {
            asked.push_back((same.until - cloud.now.wall).count / 60'000);
            staple_came(cloud.world.staples[id], same, cloud.now);
            EXPECT_THAT(cloud.work(), IsEmpty());
        }
        cloud.pass(std::max(*cloud.wake - cloud.now.mono, Milliseconds{1}));
        ASSERT_LT(asked.size(), 100U);
    }
    EXPECT_EQ(asked.front(), 2 * 24 * 60);
    EXPECT_EQ(asked[1], 2 * 24 * 60 - 60);
    EXPECT_EQ(asked.back(), 0);
}

TEST(Staples, an_answer_that_has_ended_already_or_is_older_than_what_is_kept_is_one_that_came) {
    Cloud cloud;
    const auto id = cloud.add("shop");
    cloud.world.certificates[id].staple = "kept";
    cloud.world.certificates[id].staple_until = cloud.now.wall + minutes(2);
    for (const auto until : {Milliseconds{-1}, minutes(1)}) {
        staple_came(cloud.world.staples[id],
                    {.response = "old", .from = {}, .until = cloud.now.wall + until}, cloud.now);
        EXPECT_THAT(cloud.work(), IsEmpty());
        EXPECT_EQ(cloud.certificate(id).staple, "kept");
    }
}

TEST(Staples, those_that_end_together_are_let_go_over_several_plans) {
    Cloud cloud;
    const auto count = 2 * k_certificate_changes_at_once_max + 1;
    for (std::size_t i = 0; i < count; ++i) {
        const auto id = cloud.add(std::to_string(i));
        cloud.world.staples[id].facts.must_staple = true;
        cloud.world.certificates[id].staple = "kept";
        cloud.world.certificates[id].staple_until = cloud.now.wall;
    }
    const auto kept = [&] {
        return std::ranges::count_if(cloud.world.certificates,
                                     [](const auto& one) { return !one.second.staple.empty(); });
    };
    cloud.work();
    EXPECT_EQ(kept(), k_certificate_changes_at_once_max + 1);
    EXPECT_EQ(cloud.wake, cloud.now.mono);
    cloud.work();
    cloud.work();
    EXPECT_EQ(kept(), 0);
}

TEST(Staples, nobody_is_asked_about_one_that_names_nobody_or_while_it_is_asked) {
    Cloud cloud;
    cloud.add("local", "");
    EXPECT_THAT(cloud.work(), IsEmpty());
    const auto id = cloud.add("shop");
    cloud.world.staples[id].asking = true;
    EXPECT_THAT(cloud.work(), IsEmpty());
}

TEST(Staples, so_many_are_asked_at_once_and_no_more) {
    Cloud cloud;
    for (const auto* name : {"a", "b", "c"}) cloud.add(name);
    EXPECT_EQ(cloud.work().size(), k_staples_asked_at_once_max);
    cloud.world.staples[CertificateId("cert-c")].asking = true;
    EXPECT_EQ(cloud.work().size(), k_staples_asked_at_once_max - 1);
}

TEST(Staples, after_failures_the_pauses_grow_to_their_end) {
    StapleSeen seen;
    MonoTime now{0};
    std::vector<std::int64_t> pauses;
    for (int i = 0; i < 12; ++i) {
        staple_failed(seen, "no answer", now, {0});
        pauses.push_back((seen.retry - now).count / 60'000);
    }
    EXPECT_THAT(pauses, testing::ElementsAre(1, 2, 4, 8, 16, 32, 64, 128, 240, 240, 240, 240));
    EXPECT_EQ(seen.failures, 12);
    EXPECT_EQ(seen.reason, "no answer");
}

TEST(Staples, one_that_is_revoked_is_asked_about_on_and_may_be_good_again) {
    Cloud cloud;
    const auto id = cloud.add("shop");
    auto& seen = cloud.world.staples[id];
    staple_revoked(seen, "it is revoked", cloud.now.mono, {0});
    EXPECT_TRUE(seen.revoked);
    EXPECT_EQ(seen.reason, "it is revoked");
    cloud.work();
    EXPECT_EQ(cloud.certificate(id).staple, "");
    staple_failed(seen, "no answer", cloud.now.mono, {0});
    EXPECT_TRUE(seen.revoked);  // nobody has said otherwise
    cloud.pass(minutes(10));
    EXPECT_THAT(cloud.work(), testing::ElementsAre(id));
    cloud.answer(id, days(4));
    EXPECT_FALSE(seen.revoked);
    for (const auto& [source, words] : {std::pair(CertificateSource::acme, "another is ordered"),
                                        std::pair(CertificateSource::file, "moln cert add")}) {
        auto certificate = cloud.certificate(id);
        certificate.source = source;
        const auto event = revoked_event(certificate, cloud.now.wall);
        EXPECT_THAT(event.text, testing::HasSubstr("shop.org"));
        EXPECT_THAT(event.text, testing::HasSubstr(words));
    }
}

TEST(Staples, a_failure_waits_and_what_is_there_serves_until_it_ends) {
    Cloud cloud;
    const auto id = cloud.add("shop");
    cloud.world.staples[id].facts.must_staple = true;
    cloud.answer(id, minutes(60));
    cloud.work();
    cloud.pass(minutes(30));
    EXPECT_THAT(cloud.work(), testing::ElementsAre(id));
    staple_failed(cloud.world.staples[id], "no answer", cloud.now.mono, {0});
    EXPECT_THAT(cloud.work(), IsEmpty());
    EXPECT_EQ(cloud.wake, cloud.now.mono + k_staple_retry_first);
    cloud.pass(minutes(30) + Milliseconds{-1});
    cloud.work();
    EXPECT_EQ(cloud.certificate(id).staple, "good");
    cloud.pass({1});
    cloud.work();
    EXPECT_EQ(cloud.certificate(id).staple, "");
    EXPECT_THAT(cloud.events, testing::Contains("certificate.staple_ended"));
    cloud.work();
    EXPECT_EQ(cloud.world.edge.certificates.front().staple, "");
}

TEST(Staples, after_a_restart_the_kept_one_is_renewed_when_it_would_have_been) {
    Cloud cloud;
    const auto id = cloud.add("shop");
    cloud.world.certificates[id].staple = "kept";
    cloud.world.certificates[id].staple_until = cloud.now.wall + days(3);
    cloud.world.staples[id].facts.staple_from = cloud.now.wall + Milliseconds{-days(1).count};
    EXPECT_THAT(cloud.work(), IsEmpty());
    cloud.pass(days(1));
    EXPECT_THAT(cloud.work(), testing::ElementsAre(id));
}

TEST(Staples, what_was_said_of_the_certificate_before_is_not_the_new_ones) {
    Cloud cloud;
    const auto id = cloud.add("shop");
    cloud.answer(id, days(4));
    cloud.world.certificates[id].fingerprint = "renewed";
    EXPECT_THAT(cloud.work(), IsEmpty());
    EXPECT_EQ(cloud.certificate(id).staple, "");
}

}  // namespace
}  // namespace moln::plan
