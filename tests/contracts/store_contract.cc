#include "contracts/store_contract.h"

#include <map>
#include <mutex>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <rapidcheck.h>

namespace moln {
namespace {

StoreTxn put(const std::string& key, const std::string& value) {
    return StoreTxn{.compares = {}, .writes = {{.key = key, .value = value}}};
}
StoreTxn put_if(const std::string& key, const std::string& value, std::int64_t mod_revision) {
    return StoreTxn{.compares = {{.key = key, .mod_revision = mod_revision}},
                    .writes = {{.key = key, .value = value}}};
}
StoreTxn erase(const std::string& key) {
    return StoreTxn{.compares = {}, .writes = {{.key = key, .value = std::nullopt}}};
}

std::vector<std::string> keys_of(const StoreSnapshot& snapshot) {
    std::vector<std::string> keys;
    for (const auto& entry : snapshot.entries) keys.push_back(entry.key);
    return keys;
}

}  // namespace

TEST_P(StoreContract, an_empty_store_has_revision_zero_and_nothing_in_it) {
    EXPECT_EQ(store().get("a").value(), std::nullopt);
    EXPECT_EQ(store().range("").value().revision, 0);
    EXPECT_TRUE(store().range("").value().entries.empty());
    EXPECT_TRUE(store().changes("", 0, 10).value().empty());
}

TEST_P(StoreContract, a_commit_is_read_back_with_its_revisions) {
    EXPECT_EQ(store().commit(put("a", "1")).value(), 1);
    EXPECT_EQ(store().commit(put("b", "2")).value(), 2);
    EXPECT_EQ(store().commit(put("a", "3")).value(), 3);
    const StoreEntry expected{.key = "a", .value = "3", .create_revision = 1, .mod_revision = 3};
    EXPECT_EQ(store().get("a").value(), expected);
    reopen();
    EXPECT_EQ(store().get("a").value(), expected);
    EXPECT_EQ(store().range("").value().revision, 3);
}

TEST_P(StoreContract, every_key_of_one_transaction_has_its_revision) {
    const StoreTxn txn{.compares = {},
                       .writes = {{.key = "b", .value = "1"}, {.key = "a", .value = "2"}}};
    EXPECT_EQ(store().commit(txn).value(), 1);
    EXPECT_EQ(store().get("a").value()->mod_revision, 1);
    EXPECT_EQ(store().get("b").value()->mod_revision, 1);
    const auto changes = store().changes("", 0, 1).value();
    ASSERT_EQ(changes.size(), 2u);
    EXPECT_EQ(changes[0].key, "b") << "changes of one revision keep the order of the writes";
    EXPECT_EQ(changes[1].key, "a");
}

TEST_P(StoreContract, a_deleted_key_made_again_begins_anew) {
    ASSERT_TRUE(store().commit(put("a", "1")));
    EXPECT_EQ(store().commit(erase("a")).value(), 2);
    EXPECT_EQ(store().get("a").value(), std::nullopt);
    EXPECT_EQ(store().commit(put_if("a", "2", 0)).value(), 3);
    EXPECT_EQ(store().get("a").value()->create_revision, 3);
}

TEST_P(StoreContract, a_transaction_that_changes_nothing_keeps_the_revision) {
    ASSERT_TRUE(store().commit(put("a", "1")));
    EXPECT_EQ(store().commit(StoreTxn{}).value(), 1);
    EXPECT_EQ(store().commit(erase("nothing here")).value(), 1);
    EXPECT_EQ(store().range("").value().revision, 1);
    EXPECT_EQ(store().changes("", 0, 10).value().size(), 1u);
}

TEST_P(StoreContract, a_compare_that_does_not_hold_is_a_conflict_that_names_the_key) {
    ASSERT_TRUE(store().commit(put("app/shop", "1")));
    for (const std::int64_t wrong : {0, 2, 7}) {
        const auto lost = store().commit(put_if("app/shop", "2", wrong));
        ASSERT_FALSE(lost);
        EXPECT_EQ(lost.error().code, ErrorCode::conflict);
        EXPECT_NE(lost.error().reason.find("app/shop"), std::string::npos);
    }
    const auto gone = store().commit(put_if("app/none", "2", 1));
    EXPECT_EQ(gone.error().code, ErrorCode::conflict);
    EXPECT_EQ(store().range("").value().revision, 1);
    EXPECT_EQ(store().commit(put_if("app/shop", "2", 1)).value(), 2);
}

TEST_P(StoreContract, a_lost_compare_writes_nothing_of_its_transaction) {
    ASSERT_TRUE(store().commit(put("a", "1")));
    const StoreTxn txn{
        .compares = {{.key = "a", .mod_revision = 1}, {.key = "b", .mod_revision = 9}},
        .writes = {{.key = "a", .value = "2"}, {.key = "c", .value = "2"}}};
    EXPECT_FALSE(store().commit(txn));
    EXPECT_EQ(store().get("a").value()->value, "1");
    EXPECT_EQ(store().get("c").value(), std::nullopt);
    EXPECT_TRUE(store().changes("", 1, 10).value().empty());
}

TEST_P(StoreContract, a_range_is_all_keys_with_the_prefix_in_byte_order) {
    const std::string high = "b\xff";
    const std::string higher = "b\xff\xff";
    const std::string nul("b\0x", 3);
    for (const auto& key : {std::string("c"), high, std::string("b"), higher, nul,
                            std::string("ba"), std::string("a"), std::string("\xff\xff")}) {
        ASSERT_TRUE(store().commit(put(key, key)));
    }
    using Keys = std::vector<std::string>;
    EXPECT_EQ(keys_of(store().range("b").value()), (Keys{"b", nul, "ba", high, higher}));
    EXPECT_EQ(keys_of(store().range(high).value()), (Keys{high, higher}));
    EXPECT_EQ(keys_of(store().range("\xff").value()), (Keys{"\xff\xff"}));
    EXPECT_EQ(keys_of(store().range("bb").value()), Keys{});
    EXPECT_EQ(store().range("").value().entries.size(), 8u);
}

TEST_P(StoreContract, values_keep_every_byte_and_may_be_empty) {
    const std::string bytes("\0\xff\n\x80 ", 5);
    ASSERT_TRUE(store().commit(put("bytes", bytes)));
    ASSERT_TRUE(store().commit(put("empty", "")));
    reopen();
    EXPECT_EQ(store().get("bytes").value()->value, bytes);
    EXPECT_EQ(store().get("empty").value()->value, "");
    const auto changes = store().changes("", 0, 10).value();
    EXPECT_EQ(changes.at(1).value, std::optional<std::string>("")) << "empty is not deleted";
}

TEST_P(StoreContract, a_key_at_its_limit_is_kept_and_one_byte_more_is_invalid) {
    const std::string longest(k_store_key_bytes_max, 'k');
    EXPECT_TRUE(store().commit(put(longest, "1")));
    EXPECT_TRUE(store().get(longest).value());
    EXPECT_EQ(store().range(longest).value().entries.size(), 1u);
    const auto longer = longest + "k";
    EXPECT_EQ(store().commit(put(longer, "1")).error().code, ErrorCode::invalid);
    EXPECT_EQ(store().commit(put_if(longer, "1", 0)).error().code, ErrorCode::invalid);
    EXPECT_EQ(store().get(longer).error().code, ErrorCode::invalid);
    EXPECT_EQ(store().range(longer).error().code, ErrorCode::invalid);
    EXPECT_EQ(store().changes(longer, 0, 1).error().code, ErrorCode::invalid);
}

TEST_P(StoreContract, a_value_at_its_limit_is_kept_and_one_byte_more_is_invalid) {
    const std::string largest(k_store_value_bytes_max, 'v');
    EXPECT_TRUE(store().commit(put("a", largest)));
    EXPECT_EQ(store().get("a").value()->value, largest);
    EXPECT_EQ(store().commit(put("a", largest + "v")).error().code, ErrorCode::invalid);
    EXPECT_EQ(store().range("").value().revision, 1);
}

TEST_P(StoreContract, a_transaction_at_its_limit_is_done_and_one_operation_more_is_invalid) {
    StoreTxn txn;
    for (std::size_t i = 0; i < k_store_txn_operations_max / 2; ++i) {
        const auto key = fmt::format("key/{:05}", i);
        txn.compares.push_back({.key = key, .mod_revision = 0});
        txn.writes.push_back({.key = key, .value = "v"});
    }
    EXPECT_EQ(store().commit(txn).value(), 1);
    EXPECT_EQ(store().range("key/").value().entries.size(), k_store_txn_operations_max / 2);
    txn.writes.push_back({.key = "one more", .value = "v"});
    EXPECT_EQ(store().commit(txn).error().code, ErrorCode::invalid);
}

TEST_P(StoreContract, bad_arguments_are_invalid_and_change_nothing) {
    EXPECT_EQ(store().commit(put("", "v")).error().code, ErrorCode::invalid);
    EXPECT_EQ(store().commit(erase("")).error().code, ErrorCode::invalid);
    EXPECT_EQ(store().commit(put_if("a", "v", -1)).error().code, ErrorCode::invalid);
    const StoreTxn twice{.compares = {},
                         .writes = {{.key = "a", .value = "1"}, {.key = "a", .value = {}}}};
    EXPECT_EQ(store().commit(twice).error().code, ErrorCode::invalid);
    EXPECT_EQ(store().get("").error().code, ErrorCode::invalid);
    EXPECT_EQ(store().changes("", -1, 1).error().code, ErrorCode::invalid);
    EXPECT_EQ(store().range("").value().revision, 0);
}

TEST_P(StoreContract, changes_are_given_oldest_first_by_prefix_and_limit) {
    ASSERT_TRUE(store().commit(put("a/1", "x")));
    ASSERT_TRUE(store().commit(put("b/1", "x")));
    ASSERT_TRUE(store().commit(put("a/2", "y")));
    ASSERT_TRUE(store().commit(erase("a/1")));
    const auto all = store().changes("a/", 0, 10).value();
    ASSERT_EQ(all.size(), 3u);
    EXPECT_EQ(all[0].revision, 1);
    EXPECT_EQ(all[1].revision, 3);
    EXPECT_EQ(all[1].value, std::optional<std::string>("y"));
    EXPECT_EQ(all[2].value, std::nullopt);
    EXPECT_EQ(store().changes("a/", 1, 1).value().size(), 1u);
    EXPECT_EQ(store().changes("a/", 1, 1).value().at(0).key, "a/2");
    EXPECT_TRUE(store().changes("a/", 0, 0).value().empty());
    EXPECT_TRUE(store().changes("", 4, 10).value().empty());
    EXPECT_TRUE(store().changes("", 99, 10).value().empty());
}

TEST_P(StoreContract, the_limit_of_changes_counts_whole_revisions) {
    ASSERT_TRUE(store().commit(StoreTxn{
        .compares = {}, .writes = {{.key = "a", .value = "1"}, {.key = "b", .value = "1"}}}));
    ASSERT_TRUE(store().commit(put("c", "1")));
    EXPECT_EQ(store().changes("", 0, 1).value().size(), 2u);
    EXPECT_EQ(store().changes("", 0, 2).value().size(), 3u);
}

TEST_P(StoreContract, history_reaches_back_to_its_limit_and_not_one_revision_further) {
    // Ten thousand revisions at the edge of history: one, then enough to push it out.
    for (std::int64_t i = 1; i <= k_store_history_revisions; ++i) {
        ASSERT_TRUE(store().commit(put("key", std::to_string(i))));
    }
    EXPECT_EQ(store().changes("", 0, 1).value().at(0).revision, 1);
    ASSERT_TRUE(store().commit(put("key", "last")));
    EXPECT_EQ(store().changes("", 0, 1).error().code, ErrorCode::not_found);
    EXPECT_EQ(store().changes("", 1, 1).value().at(0).revision, 2);
    reopen();
    EXPECT_EQ(store().changes("", 0, 1).error().code, ErrorCode::not_found);
    EXPECT_EQ(store().changes("", 1, 20'000).value().size(),
              static_cast<std::size_t>(k_store_history_revisions));
}

TEST_P(StoreContract, writers_that_compare_and_set_lose_no_increment) {
    constexpr int k_writers = 4;
    constexpr int k_increments = 25;
    std::mutex one_at_a_time;  // the contract: calls do not overlap, their order is anyone's
    const auto increment = [&] {
        while (true) {
            std::optional<StoreEntry> seen;
            {
                const std::lock_guard lock(one_at_a_time);
                seen = store().get("counter").value();
            }
            std::this_thread::yield();
            const auto next = std::to_string(seen ? std::stoi(seen->value) + 1 : 1);
            const std::lock_guard lock(one_at_a_time);
            if (store().commit(put_if("counter", next, seen ? seen->mod_revision : 0))) return;
        }
    };
    {
        std::vector<std::jthread> writers;
        for (int i = 0; i < k_writers; ++i) {
            writers.emplace_back([&] {
                for (int n = 0; n < k_increments; ++n) increment();
            });
        }
    }
    EXPECT_EQ(store().get("counter").value()->value, std::to_string(k_writers * k_increments));
    EXPECT_EQ(store().range("").value().revision, k_writers * k_increments);
}

namespace {

// What a store is, in the plainest words: every revision's content, kept whole.
class Model {
public:
    bool commit(const StoreTxn& txn) {
        for (const auto& compare : txn.compares) {
            const auto found = now_.find(compare.key);
            const auto have = found == now_.end() ? 0 : found->second.mod_revision;
            if (have != compare.mod_revision) return false;
        }
        const auto next = revision_ + 1;
        bool changed = false;
        for (const auto& [key, value] : txn.writes) {
            const auto found = now_.find(key);
            if (!value && found == now_.end()) continue;
            changed = true;
            changes_.push_back({.revision = next, .key = key, .value = value});
            if (!value) {
                now_.erase(key);
                continue;
            }
            const auto created = found == now_.end() ? next : found->second.create_revision;
            now_[key] = {
                .key = key, .value = *value, .create_revision = created, .mod_revision = next};
        }
        if (changed) revision_ = next;
        return true;
    }
    std::int64_t revision() const { return revision_; }
    std::int64_t mod_revision(const std::string& key) const {
        return now_.contains(key) ? now_.at(key).mod_revision : 0;
    }
    std::vector<StoreEntry> entries(const std::string& prefix) const {
        std::vector<StoreEntry> out;
        for (const auto& [key, entry] : now_) {
            if (key.starts_with(prefix)) out.push_back(entry);
        }
        return out;
    }
    const std::vector<StoreChange>& changes() const { return changes_; }

private:
    std::map<std::string, StoreEntry> now_;
    std::vector<StoreChange> changes_;
    std::int64_t revision_ = 0;
};

const std::vector<std::string> k_some_keys = {"a", "a/1", "a/1/x", "a/2", "b", "b\xff", "\xff"};

StoreTxn random_txn(const Model& model) {
    StoreTxn txn;
    const auto keys = *rc::gen::container<std::set<std::string>>(*rc::gen::inRange(0, 4),
                                                                 rc::gen::elementOf(k_some_keys));
    for (const auto& key : keys) {
        std::optional<std::string> value;
        if (*rc::gen::inRange(0, 4) != 0) value = *rc::gen::string<std::string>();
        txn.writes.push_back({.key = key, .value = value});
    }
    for (int i = *rc::gen::inRange(0, 3); i > 0; --i) {
        const auto key = *rc::gen::elementOf(k_some_keys);
        const auto off = *rc::gen::weightedElement<std::int64_t>({{5, 0}, {1, 1}});
        txn.compares.push_back({.key = key, .mod_revision = model.mod_revision(key) + off});
    }
    return txn;
}

void expect_equal(Store& store, const Model& model) {
    const auto prefix = *rc::gen::elementOf(std::vector<std::string>{"", "a", "a/", "b", "\xff"});
    const auto snapshot = store.range(prefix).value();
    RC_ASSERT(snapshot.revision == model.revision());
    RC_ASSERT(snapshot.entries == model.entries(prefix));
    const auto changes = store.changes("", 0, 1000).value();
    RC_ASSERT(changes.size() == model.changes().size());
    for (std::size_t i = 0; i < changes.size(); ++i) {
        RC_ASSERT(changes[i].revision == model.changes()[i].revision);
        RC_ASSERT(changes[i].key == model.changes()[i].key);
        RC_ASSERT(changes[i].value == model.changes()[i].value);
    }
}

}  // namespace

TEST_P(StoreContract, random_transactions_do_what_the_model_does) {
    EXPECT_TRUE(rc::check([] {
        const auto fresh = GetParam()();
        Model model;
        for (int i = *rc::gen::inRange(1, 60); i > 0; --i) {
            const auto txn = random_txn(model);
            const auto committed = fresh->store().commit(txn);
            RC_ASSERT(committed.has_value() == model.commit(txn));
            if (committed) RC_ASSERT(*committed == model.revision());
            if (!committed) RC_ASSERT(committed.error().code == ErrorCode::conflict);
            if (*rc::gen::inRange(0, 8) == 0) fresh->reopen();
            expect_equal(fresh->store(), model);
        }
    }));
}

}  // namespace moln
