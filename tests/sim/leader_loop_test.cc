// The leader at its limits and when its store fails at the worst moment, on a simulated loop.
#include "runtime/leader_loop.h"

#include <gtest/gtest.h>

#include "plan/certificates.h"
#include "sim/fake_acme.h"
#include "sim/fake_certificates.h"
#include "sim/sim_loop.h"
#include "store/memory_store.h"

namespace moln::sim {
namespace {

struct Leader {
    Timeline timeline;
    Random random{1};
    Faults faults{no_faults(), random};
    SimLoop loop{timeline, random, faults};
    MemoryStore store;
    FakeCertificates certificates;
    FakeAcme acme;
    std::optional<Error> lost;
    LeaderLoop::Planner planner;
    LeaderLoop leader{
        loop,
        store,
        random,
        certificates,
        acme,
        NodeId("n1"),
        {[](const std::shared_ptr<const node::Assignment>&) {}, [](const EdgeSnapshot&) {}, [] {},
         [this](const Error& error) { lost = error; }},
        planner};
    std::vector<Result<CommandReply>> replies;

    explicit Leader(LeaderLoop::Planner its_planner = plan::plan)
        : planner(std::move(its_planner)) {}

    void pass(Milliseconds span) {
        const auto end = timeline.now().mono + span;
        while (timeline.run_one(end)) {
        }
    }
    void deploy(const std::string& key) {
        DeployCommand command;
        command.app = AppId("default/shop");
        command.image.digest = "good:1";
        command.image.layers = {"layer"};
        command.config.processes["web"] = {ProcessKind::web, {"serve"}, "", 1,
                                           mib(64),          500,       32, 8080};
        leader.execute(command, {}, key,
                       [this](Result<CommandReply> reply) { replies.push_back(std::move(reply)); });
    }
};

TEST(LeaderLoop, command_is_acknowledged_when_it_is_durable) {
    Leader node;
    node.leader.start();
    node.deploy("k");
    EXPECT_TRUE(node.replies.empty());
    node.pass(seconds(1));
    ASSERT_EQ(node.replies.size(), 1u);
    ASSERT_TRUE(node.replies[0].has_value()) << node.replies[0].error().reason;
    EXPECT_TRUE(node.store.get("app/default/shop")->has_value());
}

TEST(LeaderLoop, command_repeated_with_its_key_gets_the_first_reply_also_from_the_next_leader) {
    Leader node;
    node.leader.start();
    node.deploy("k");
    node.pass(seconds(1));
    node.deploy("k");
    node.pass(seconds(1));
    LeaderLoop next(node.loop, node.store, node.random, node.certificates, node.acme, NodeId("n1"),
                    {[](const std::shared_ptr<const node::Assignment>&) {},
                     [](const EdgeSnapshot&) {}, [] {}, [](const Error&) {}},
                    plan::plan);
    next.start();
    node.pass(seconds(1));
    std::optional<Result<CommandReply>> reply;
    DeployCommand command;
    command.app = AppId("default/shop");
    next.execute(command, {}, "k", [&](Result<CommandReply> r) { reply = std::move(r); });
    node.pass(seconds(1));
    ASSERT_EQ(node.replies.size(), 2u);
    ASSERT_TRUE(node.replies[1].has_value() && reply && reply->has_value());
    EXPECT_EQ(node.replies[0]->release, 1);
    EXPECT_EQ(node.replies[1]->release, 1);
    EXPECT_EQ((*reply)->release, 1);
}

TEST(LeaderLoop, steady_time_knows_nothing_of_a_clock_that_is_set) {
    Leader node;
    node.leader.start();
    node.pass(seconds(1));
    const auto before = node.leader.now();
    node.timeline.step_wall(days(40));
    node.pass(seconds(1));
    EXPECT_EQ(node.leader.now().steady, before.steady + seconds(1));
    EXPECT_EQ(node.leader.now().wall, before.wall + days(40) + seconds(1));
    EXPECT_EQ(wall_of(before.steady, node.leader.now()), before.wall + days(40));
}

TEST(LeaderLoop, steady_time_of_the_next_leader_counts_at_most_a_day_of_the_time_between) {
    for (const auto& [step, counted] :
         {std::pair{days(-40), Milliseconds{}}, {minutes(5), minutes(5)}, {days(40), days(1)}}) {
        Leader node;
        node.leader.start();
        node.pass(seconds(1));
        const auto written = node.leader.now().steady.ms - 1000;  // with the leadership
        node.timeline.step_wall({step.count - 1000});
        LeaderLoop next(node.loop, node.store, node.random, node.certificates, node.acme,
                        NodeId("n1"),
                        {[](const std::shared_ptr<const node::Assignment>&) {},
                         [](const EdgeSnapshot&) {}, [] {}, [](const Error&) {}},
                        plan::plan);
        next.start();
        node.pass(seconds(1));
        const Milliseconds gone{next.now().steady.ms - written};
        EXPECT_GE(gone, counted);
        EXPECT_LE(gone, counted + seconds(2));
        node.leader.freeze();
        node.pass(seconds(1));
    }
}

TEST(LeaderLoop, clock_that_is_set_is_told_once) {
    Leader node;
    node.leader.start();
    node.pass(seconds(1));
    node.leader.node_reported({.epoch = 1, .version = 1, .seen = {.id = NodeId("n1")}});
    const auto told = [&] {
        node.deploy("");
        node.pass(seconds(2));
        return std::ranges::count_if(node.leader.world().events, [](const auto& entry) {
            return entry.second.name == "clock.stepped";
        });
    };
    EXPECT_EQ(told(), 0);
    node.timeline.step_wall(seconds(20));
    EXPECT_EQ(told(), 0);
    node.timeline.step_wall(minutes(-90));
    EXPECT_EQ(told(), 1);
    EXPECT_EQ(told(), 1);
}

// Wants a certificate of one host, and nothing else.
plan::Plan plan_certificate(const World& world, Now now, std::uint64_t seed) {
    plan::Draft draft(world, now, seed);
    plan::Plan next;
    next.issue = plan::tend_certificates(draft, {{.host = "a.test"}});
    next.wake = draft.wake();
    next.changes = draft.take();
    return next;
}

std::int64_t told(const Leader& node, const std::string& name) {
    return std::ranges::count_if(node.leader.world().events,
                                 [&](const auto& entry) { return entry.second.name == name; });
}

void lead(Leader& node) {
    node.leader.start();
    node.pass(seconds(1));
    node.leader.node_reported({.epoch = 1, .version = 1, .seen = {.id = NodeId("n1")}});
}

TEST(LeaderLoop, a_certificate_is_issued_with_its_authority_in_one_transaction) {
    Leader node(plan_certificate);
    bool whole = false;
    node.store.inject(
        {{}, {}, [&](const StoreTxn& txn) -> std::optional<Error> {
             const auto writes = [&](std::string_view key) {
                 return std::ranges::any_of(
                     txn.writes, [&](const auto& write) { return write.key.starts_with(key); });
             };
             whole = whole || (writes("authority") && writes("certificate/") && writes("event/"));
             return std::nullopt;
         }});
    lead(node);
    node.pass(seconds(2));
    EXPECT_TRUE(whole);
    ASSERT_EQ(node.leader.world().certificates.size(), 1u);
    EXPECT_EQ(told(node, "certificate.issued"), 1);
    EXPECT_EQ(node.certificates.issues, 1);
    EXPECT_TRUE(node.leader.settled());
    // The next leader finds both and makes neither anew.
    const auto before = node.leader.world().authority;
    LeaderLoop next(node.loop, node.store, node.random, node.certificates, node.acme, NodeId("n1"),
                    {[](const std::shared_ptr<const node::Assignment>&) {},
                     [](const EdgeSnapshot&) {}, [] {}, [](const Error&) {}},
                    plan_certificate);
    next.start();
    node.pass(seconds(1));
    next.node_reported({.epoch = 2, .version = 1, .seen = {.id = NodeId("n1")}});
    node.pass(seconds(2));
    EXPECT_EQ(next.world().authority, before);
    EXPECT_EQ(node.certificates.issues, 1);
}

TEST(LeaderLoop, a_certificate_whose_commit_failed_is_issued_again) {
    Leader node(plan_certificate);
    int refused = 0;
    node.store.inject({{},
                       [&](const StoreTxn& txn) -> std::optional<Error> {
                           const bool issues = std::ranges::any_of(txn.writes, [](const auto& one) {
                               return one.key.starts_with("certificate/");
                           });
                           if (!issues || refused == 3) return std::nullopt;
                           ++refused;
                           return Error{ErrorCode::full, "the disk is full"};
                       },
                       {}});
    lead(node);
    node.pass(seconds(60));
    EXPECT_EQ(node.leader.world().certificates.size(), 1u);
    EXPECT_EQ(told(node, "certificate.issued"), 1);
    EXPECT_TRUE(node.leader.world().authority);
}

TEST(LeaderLoop, issuing_that_fails_is_tried_again_with_back_off_and_told_once) {
    Leader node(plan_certificate);
    node.certificates.failing = 4;
    lead(node);
    node.pass(seconds(2));
    EXPECT_EQ(node.certificates.issues, 1);
    EXPECT_EQ(node.leader.world().issuing.at("a.test").failures, 1);
    EXPECT_EQ(told(node, "certificate.failed"), 1);
    node.pass(minutes(2));  // after 30 s and 60 s more
    EXPECT_EQ(node.certificates.issues, 3);
    node.pass(minutes(10));  // 2 min, then 4
    EXPECT_EQ(node.certificates.issues, 5);
    EXPECT_EQ(told(node, "certificate.failed"), 1);
    EXPECT_EQ(told(node, "certificate.issued"), 1);
    EXPECT_TRUE(node.leader.world().issuing.empty());
}

TEST(LeaderLoop, an_authority_whose_key_is_lost_is_replaced_and_that_is_told) {
    Leader node(plan_certificate);
    lead(node);
    node.pass(seconds(2));
    ASSERT_EQ(node.leader.world().certificates.size(), 1u);
    node.certificates.sealed_authority = "sealed by another key";
    const auto id = node.leader.world().certificates.begin()->first;
    node.leader.execute(RemoveCertificateCommand{id}, {}, "", [](const Result<CommandReply>&) {});
    node.pass(seconds(5));
    EXPECT_EQ(told(node, "certificate.removed"), 1);
    EXPECT_EQ(node.leader.world().certificates.size(), 1u);
    EXPECT_EQ(node.leader.world().authority->sealed_key, "sealed by another key");
    EXPECT_EQ(told(node, "authority.lost"), 1);
    EXPECT_EQ(told(node, "certificate.failed"), 0);
}

TEST(LeaderLoop, commit_of_unknown_outcome_that_took_effect_is_acknowledged) {
    Leader node;
    node.leader.start();
    node.pass(seconds(1));
    bool once = true;
    node.store.inject({{}, {}, [&](const StoreTxn&) -> std::optional<Error> {
                           if (!std::exchange(once, false)) return std::nullopt;
                           return Error{ErrorCode::unavailable, "no answer"};
                       }});
    node.deploy("");
    node.pass(seconds(5));
    ASSERT_EQ(node.replies.size(), 1u);
    EXPECT_TRUE(node.replies[0].has_value());
    EXPECT_TRUE(node.leader.world().apps.contains(AppId("default/shop")));
}

TEST(LeaderLoop, commit_of_unknown_outcome_without_effect_is_told_and_leaves_no_trace) {
    Leader node;
    node.leader.start();
    node.pass(seconds(1));
    bool once = true;
    node.store.inject({{},
                       [&](const StoreTxn&) -> std::optional<Error> {
                           if (!std::exchange(once, false)) return std::nullopt;
                           return Error{ErrorCode::full, "the disk is full"};
                       },
                       {}});
    node.deploy("");
    node.pass(seconds(5));
    ASSERT_EQ(node.replies.size(), 1u);
    ASSERT_FALSE(node.replies[0].has_value());
    EXPECT_EQ(node.replies[0].error(), (Error{ErrorCode::full, "the disk is full"}));
    EXPECT_TRUE(node.leader.world().apps.empty());
    node.deploy("");
    node.pass(seconds(5));
    EXPECT_TRUE(node.replies.at(1).has_value());
}

// What is told while the store takes nothing, for as long as `refusing`.
struct Refusing {
    bool refusing = true;
    MemoryStoreFaults faults() {
        return {{},
                [this](const StoreTxn&) -> std::optional<Error> {
                    if (!refusing) return std::nullopt;
                    return Error{ErrorCode::full, "the disk is full"};
                },
                {}};
    }
};

TEST(LeaderLoop, what_is_told_while_the_disk_is_full_is_written_when_it_no_longer_is) {
    Leader node;
    lead(node);
    node.pass(seconds(2));
    Refusing disk;
    node.store.inject(disk.faults());
    node.leader.tell(EventLevel::warning, "edge.upgrade_failed", "first");
    node.timeline.step_wall(minutes(-90));
    node.pass(seconds(20));
    node.leader.tell(EventLevel::warning, "edge.upgrade_failed", "second");
    node.pass(seconds(20));
    EXPECT_EQ(told(node, "edge.upgrade_failed"), 0);
    disk.refusing = false;
    node.pass(seconds(20));
    EXPECT_EQ(told(node, "edge.upgrade_failed"), 2);
    EXPECT_EQ(told(node, "clock.stepped"), 1);
    EXPECT_TRUE(node.leader.settled());
}

TEST(LeaderLoop, a_certificate_that_could_not_be_issued_is_told_though_the_disk_was_full) {
    Leader node(plan_certificate);
    node.certificates.failing = 1000;
    Refusing disk;
    node.leader.start();
    node.pass(seconds(1));
    node.store.inject(disk.faults());
    node.leader.node_reported({.epoch = 1, .version = 1, .seen = {.id = NodeId("n1")}});
    node.pass(seconds(20));
    disk.refusing = false;
    node.pass(seconds(20));
    EXPECT_EQ(told(node, "certificate.failed"), 1);
}

TEST(LeaderLoop, an_authority_that_is_lost_on_a_full_disk_is_told_of_once) {
    Leader node(plan_certificate);
    lead(node);
    node.pass(seconds(2));
    node.certificates.sealed_authority = "sealed by another key";
    const auto id = node.leader.world().certificates.begin()->first;
    Refusing disk{.refusing = false};
    node.store.inject(disk.faults());
    node.leader.execute(RemoveCertificateCommand{id}, {}, "",
                        [&](const Result<CommandReply>&) { disk.refusing = true; });
    node.pass(seconds(20));
    disk.refusing = false;
    node.pass(seconds(20));
    EXPECT_EQ(told(node, "authority.lost"), 1);
    EXPECT_EQ(node.leader.world().certificates.size(), 1u);
}

TEST(LeaderLoop, events_that_wait_for_the_store_at_the_limit_and_one_past) {
    for (const std::size_t past : {0U, 1U}) {
        Leader node;
        lead(node);
        node.pass(seconds(2));
        Refusing disk;
        node.store.inject(disk.faults());
        for (std::size_t i = 0; i < k_events_waiting_max + past; ++i) {
            node.leader.tell(EventLevel::info, "edge.upgraded", "again");
        }
        node.pass(seconds(20));
        disk.refusing = false;
        node.pass(minutes(2));
        EXPECT_EQ(told(node, "edge.upgraded"), static_cast<std::int64_t>(k_events_waiting_max));
        EXPECT_EQ(told(node, "events.lost"), static_cast<std::int64_t>(past));
        EXPECT_TRUE(node.leader.settled());
    }
}

TEST(LeaderLoop, leader_that_was_deposed_writes_nothing_and_says_so) {
    Leader node;
    node.leader.start();
    node.pass(seconds(1));
    ASSERT_TRUE(
        node.store.commit({{}, {{k_leader_key, R"({"epoch":9,"node":"n2"})"}}}).has_value());
    node.deploy("");
    node.pass(seconds(5));
    ASSERT_EQ(node.replies.size(), 1u);
    EXPECT_EQ(node.replies[0].error().code, ErrorCode::unavailable);
    EXPECT_TRUE(node.lost.has_value());
    EXPECT_FALSE(node.store.get("app/default/shop")->has_value());
}

TEST(LeaderLoop, entry_that_cannot_be_read_stops_the_leader_before_it_begins) {
    Leader node;
    ASSERT_TRUE(node.store.commit({{}, {{"app/default/shop", "{"}}}).has_value());
    node.leader.start();
    node.pass(seconds(5));
    ASSERT_TRUE(node.lost.has_value());
    EXPECT_EQ(node.lost->code, ErrorCode::corrupt);
}

TEST(LeaderLoop, one_command_too_many_is_refused_at_once) {
    Leader node;
    node.leader.start();
    for (std::size_t i = 0; i < k_commands_waiting_max; ++i) node.deploy("");
    EXPECT_TRUE(node.replies.empty());
    node.deploy("");
    ASSERT_EQ(node.replies.size(), 1u);
    EXPECT_EQ(node.replies[0].error().code, ErrorCode::refused);
}

TEST(Idempotency, key_at_the_limit_is_taken_and_one_past_it_is_not) {
    EXPECT_TRUE(check_idempotency_key(std::string(k_idempotency_key_bytes_max, 'k')).has_value());
    EXPECT_FALSE(
        check_idempotency_key(std::string(k_idempotency_key_bytes_max + 1, 'k')).has_value());
    EXPECT_FALSE(check_idempotency_key("a\nb").has_value());
}

TEST(Idempotency, oldest_record_makes_room_for_one_past_the_limit) {
    IdempotencyRecords records;
    for (std::size_t i = 0; i < k_idempotency_kept_max; ++i) {
        records.remember("k" + std::to_string(i), {SteadyTime{static_cast<std::int64_t>(i)}, {}});
    }
    EXPECT_EQ(records.size(), k_idempotency_kept_max);
    records.remember("one more", {SteadyTime{1'000'000}, {}});
    EXPECT_EQ(records.size(), k_idempotency_kept_max);
    EXPECT_EQ(records.find("k0", SteadyTime{1'000'000}), nullptr);
    EXPECT_NE(records.find("one more", SteadyTime{1'000'000}), nullptr);
}

TEST(Idempotency, reply_is_kept_for_a_day_and_not_longer) {
    IdempotencyRecords records;
    records.remember("k", {SteadyTime{0}, {}});
    EXPECT_NE(records.find("k", SteadyTime{k_idempotency_age_max.count}), nullptr);
    EXPECT_EQ(records.find("k", SteadyTime{k_idempotency_age_max.count + 1}), nullptr);
}

TEST(MakeTxn, transaction_at_the_limit_is_made_and_one_past_it_is_refused) {
    TxnParts parts;
    for (std::size_t i = 0; i + 1 < k_store_txn_operations_max; ++i) {
        parts.changes.push_back(DeleteInstance{InstanceId("web-" + std::to_string(i))});
    }
    EXPECT_TRUE(make_txn(parts).has_value());
    parts.changes.push_back(DeleteInstance{InstanceId("one-more")});
    EXPECT_EQ(make_txn(parts).error().code, ErrorCode::refused);
}

}  // namespace
}  // namespace moln::sim
