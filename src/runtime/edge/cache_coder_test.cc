// What waits to be compressed is bounded, and each form is made once.
#include "runtime/edge/cache_coder.h"

#include <memory>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "edge/limits.h"
#include "runtime/edge/cache_store.h"

namespace moln::edge_loop {
namespace {

using Response = std::shared_ptr<const CachedResponse>;

Response response_of(std::uint64_t bytes) {
    auto out = std::make_shared<CachedResponse>();
    out->body = std::make_shared<CacheBody>(bytes);
    EXPECT_TRUE(out->body->append(std::string(bytes, 'a')));
    out->body->end(CacheBody::State::complete);
    out->coded = std::make_shared<CodedForms>();
    return out;
}

// It waits: nobody else may make it.
bool waits(const Response& response, ContentCoding coding) {
    if (!response->coded->claim(coding)) return true;
    response->coded->release(coding);
    return false;
}

class Coder : public ::testing::Test {
protected:
    CacheStore store_{1u << 30, 1};
    CacheCoder coder_{store_};
};

TEST_F(Coder, takes_as_many_as_may_wait_and_not_one_more) {
    for (std::size_t i = 0; i < edge::k_cache_compress_waiting_max; ++i) {
        const auto response = response_of(1);
        coder_.want(1, response, ContentCoding::br);
        ASSERT_TRUE(waits(response, ContentCoding::br));
    }
    const auto one_more = response_of(1);
    coder_.want(1, one_more, ContentCoding::br);
    EXPECT_FALSE(waits(one_more, ContentCoding::br));
}

TEST_F(Coder, takes_as_many_bytes_as_may_wait_and_not_one_more) {
    const std::uint64_t half = edge::k_cache_compress_waiting_bytes_max / 2;
    const auto first = response_of(half);
    const auto second = response_of(half);
    const auto third = response_of(1);
    coder_.want(1, first, ContentCoding::gzip);
    coder_.want(1, second, ContentCoding::gzip);
    coder_.want(1, third, ContentCoding::gzip);
    EXPECT_TRUE(waits(first, ContentCoding::gzip));
    EXPECT_TRUE(waits(second, ContentCoding::gzip));
    EXPECT_FALSE(waits(third, ContentCoding::gzip));
}

TEST_F(Coder, makes_what_waited_and_counts_it_once_however_often_it_was_wanted) {
    const auto response = response_of(100'000);
    for (int i = 0; i < 3; ++i) {
        for (const auto coding : edge::k_coding_order) coder_.want(1, response, coding);
    }
    coder_.start();
    for (const auto coding : edge::k_coding_order) {
        while (response->coded->find(coding) == nullptr) std::this_thread::yield();
        EXPECT_LT(response->coded->find(coding)->seen().bytes, 1000u);
        EXPECT_FALSE(response->coded->claim(coding));
    }
    while (store_.stats().codings_total < 3) std::this_thread::yield();
    EXPECT_EQ(store_.stats().codings_total, 3);
    EXPECT_GT(response->coded->bytes(), sizeof(CodedForms));
}

}  // namespace
}  // namespace moln::edge_loop
