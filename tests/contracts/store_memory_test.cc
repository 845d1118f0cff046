#include "contracts/store_contract.h"
#include "store/memory_store.h"

namespace moln {
namespace {

class MemoryCase final : public StoreCase {
public:
    Store& store() override { return store_; }
    void reopen() override {}  // memory is its disk

private:
    MemoryStore store_;
};

std::unique_ptr<StoreCase> make_memory_case() {
    return std::make_unique<MemoryCase>();
}

INSTANTIATE_TEST_SUITE_P(Memory, StoreContract, testing::Values(make_memory_case));

const StoreTxn k_put{.compares = {}, .writes = {{.key = "a", .value = "1"}}};

TEST(MemoryStore, a_fault_before_the_commit_leaves_nothing) {
    MemoryStore store;
    store.inject(
        {.before_read = {},
         .before_commit = [](const StoreTxn&) { return Error{ErrorCode::unavailable, "no store"}; },
         .after_commit = {}});
    EXPECT_EQ(store.commit(k_put).error().reason, "no store");
    EXPECT_EQ(store.get("a").value(), std::nullopt);
}

TEST(MemoryStore, a_fault_after_the_commit_hides_that_it_took_effect) {
    MemoryStore store;
    store.inject({.before_read = {}, .before_commit = {}, .after_commit = [](const StoreTxn& txn) {
                      return Error{ErrorCode::timeout, txn.writes.at(0).key};
                  }});
    EXPECT_EQ(store.commit(k_put).error().code, ErrorCode::timeout);
    EXPECT_EQ(store.get("a").value()->value, "1");
    EXPECT_EQ(store.revision(), 1);
}

TEST(MemoryStore, a_read_fault_fails_every_read_until_it_is_taken_away) {
    MemoryStore store;
    store.inject({.before_read = [] { return Error{ErrorCode::unavailable, "no store"}; },
                  .before_commit = {},
                  .after_commit = {}});
    EXPECT_FALSE(store.get("a"));
    EXPECT_FALSE(store.range(""));
    EXPECT_FALSE(store.changes("", 0, 1));
    store.inject({});
    EXPECT_TRUE(store.get("a"));
}

}  // namespace
}  // namespace moln
