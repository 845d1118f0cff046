// Cache-Status.
#include "http/cache_status.h"

#include <array>

#include <gtest/gtest.h>

namespace moln::http {
namespace {

std::string_view text_of(const CacheStatus& status) {
    static std::array<char, k_cache_status_bytes_max> room;
    return format_cache_status(status, room);
}

TEST(CacheStatus, says_what_happened) {
    EXPECT_EQ(text_of({.ttl_s = 59}), "moln; hit; ttl=59");
    EXPECT_EQ(text_of({.ttl_s = -3, .detail = "updating"}), "moln; hit; ttl=-3; detail=updating");
    EXPECT_EQ(text_of({.forward = CacheForward::uri_miss, .stored = true}),
              "moln; fwd=uri-miss; stored");
    EXPECT_EQ(text_of({.forward = CacheForward::stale,
                       .forward_status = 304,
                       .stored = true,
                       .collapsed = true}),
              "moln; fwd=stale; fwd-status=304; stored; collapsed");
}

TEST(CacheStatus, the_longest_fits) {
    EXPECT_TRUE(text_of({.forward = CacheForward::vary_miss,
                         .forward_status = 65535,
                         .ttl_s = INT64_MIN,
                         .stored = true,
                         .collapsed = true,
                         .detail = "could-not-store"})
                    .ends_with("detail=could-not-store"));
}

}  // namespace
}  // namespace moln::http
