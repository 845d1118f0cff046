// The store that all workers share.
#include "runtime/edge/cache_store.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "edge/limits.h"
#include "http/head_testing.h"
#include "http/vary.h"

namespace moln::edge_loop {
namespace {

using What = CacheFound::What;

struct Request {
    explicit Request(const std::string& path, const std::string& fields = "")
        : parsed(http::testing::parse_request("GET " + path + " HTTP/1.1\r\nHost: a.test\r\n" +
                                              fields + "\r\n")),
          key("http://a.test" + path) {}
    http::testing::ParsedRequest parsed;
    std::string key;
};

class Store : public ::testing::Test {
protected:
    CacheAsk asking(const Request& request, std::int64_t now_ms = 0) {
        return {.key = request.key,
                .hash = store.hash_of(request.key),
                .scope = 1,
                .app = "default/shop",
                .request = request.parsed.head,
                .wish = wish,
                .now_ms = now_ms};
    }

    CacheFound ask(const Request& request, std::int64_t now_ms = 0, std::uint64_t scope = 1,
                   bool may_lead = true, bool has_credentials = false) {
        return store.ask({.key = request.key,
                          .hash = store.hash_of(request.key),
                          .scope = scope,
                          .app = "default/shop",
                          .request = request.parsed.head,
                          .wish = wish,
                          .now_ms = now_ms,
                          .may_lead = may_lead,
                          .has_credentials = has_credentials});
    }

    std::shared_ptr<const CachedResponse> response(const CacheFetch& fetch, std::size_t bytes,
                                                   const Request& request,
                                                   const std::string& vary = "") {
        auto made = std::make_shared<CachedResponse>();
        made->scope = 1;
        made->freshness = {.lifetime_ms = 1000, .said = true};
        made->born = fetch.born();
        made->marks.assign(fetch.marks().begin(), fetch.marks().end());
        made->vary_names = vary;
        std::array<char, http::k_vary_key_bytes_max> room;
        made->vary_key = *http::vary_key(vary, request.parsed.head.fields, room);
        made->body = std::make_shared<CacheBody>(bytes);
        EXPECT_TRUE(made->body->append(std::string(bytes, 'x')));
        made->body->end(CacheBody::State::complete);
        return made;
    }

    void put(const Request& request, std::size_t bytes = 10, const std::string& vary = "") {
        const auto found = ask(request);
        ASSERT_EQ(found.what, What::lead) << request.key;
        const auto made = response(*found.fetch, bytes, request, vary);
        store.answer(*found.fetch, made);
        store.settle(*found.fetch, *made, 0);
    }

    edge::ReuseWish wish;
    CacheStore store{1 << 20, 7};
};

TEST_F(Store, the_first_leads_the_others_wait_and_then_it_is_there) {
    const Request request("/a");
    const auto first = ask(request);
    ASSERT_EQ(first.what, What::lead);
    EXPECT_EQ(first.why, http::CacheForward::uri_miss);
    const auto second = ask(request);
    EXPECT_EQ(second.what, What::wait);
    EXPECT_EQ(second.fetch, first.fetch);
    store.answer(*first.fetch, response(*first.fetch, 5, request));
    EXPECT_EQ(second.fetch->state(), CacheFetch::State::answered);
    EXPECT_EQ(ask(request).what, What::hit);
    EXPECT_EQ(ask(Request("/b")).what, What::lead);
}

TEST_F(Store, a_failed_fetch_is_forgotten) {
    const Request request("/a");
    const auto first = ask(request);
    store.fail(*first.fetch, {.status = 503, .text = "gone"});
    EXPECT_EQ(first.fetch->state(), CacheFetch::State::failed);
    EXPECT_EQ(first.fetch->failure().text, "gone");
    EXPECT_EQ(ask(request).what, What::lead);
    EXPECT_EQ(store.stats().objects, 0);
}

TEST_F(Store, one_that_is_not_answered_holds_up_nobody_who_comes_much_later) {
    constexpr std::int64_t k_limit = edge::k_cache_join_limit.count;
    const Request request("/a");
    const auto first = ask(request, 0);
    EXPECT_EQ(ask(request, k_limit - 1).fetch, first.fetch);
    const auto second = ask(request, k_limit);
    ASSERT_EQ(second.what, What::lead);
    EXPECT_EQ(ask(request, k_limit + 1).fetch, second.fetch) << "one more is enough";
    // Whichever comes first is kept; what was asked for before it and comes later is not.
    const auto newer = response(*second.fetch, 5, request);
    store.answer(*second.fetch, newer);
    store.settle(*second.fetch, *newer, 0);
    const auto older = response(*first.fetch, 6, request);
    store.answer(*first.fetch, older);
    store.settle(*first.fetch, *older, 0);
    EXPECT_EQ(first.fetch->response(), older) << "for who waited for it";
    EXPECT_EQ(ask(request, 0).response, newer);
}

TEST_F(Store, as_many_as_may_be_hang_at_a_silent_app_and_past_them_who_asks_waits) {
    constexpr std::int64_t k_limit = edge::k_cache_join_limit.count;
    const Request request("/a");
    std::vector<std::shared_ptr<CacheFetch>> hanging;
    std::int64_t now_ms = 0;
    for (std::size_t i = 0; i < CacheStore::k_fetches_max; ++i, now_ms += k_limit) {
        const auto found = ask(request, now_ms);
        ASSERT_EQ(found.what, What::lead) << i;
        hanging.push_back(found.fetch);
    }
    for (int i = 0; i < 100; ++i, now_ms += k_limit) {
        const auto found = ask(request, now_ms);
        ASSERT_EQ(found.what, What::wait) << i;
        EXPECT_EQ(found.fetch, hanging.back()) << "the youngest";
    }
    EXPECT_EQ(ask(Request("/b"), now_ms).what, What::lead);
    store.fail(*hanging.front(), {});
    EXPECT_EQ(ask(request, now_ms).what, What::lead);
}

TEST_F(Store, who_stays_with_a_fetch_begins_no_other_and_gets_what_is_here_by_now) {
    constexpr std::int64_t k_limit = edge::k_cache_join_limit.count;
    const Request request("/a");
    const auto first = ask(request).fetch;
    auto staying = asking(request, k_limit);
    staying.stays_with = first;
    const auto found = store.ask(staying);
    EXPECT_EQ(found.what, What::wait);
    EXPECT_EQ(found.fetch, first);
    const auto second = ask(request, k_limit).fetch;
    ASSERT_NE(second, first);
    staying.now_ms = 2 * k_limit;
    EXPECT_EQ(store.ask(staying).fetch, first);
    store.answer(*second, response(*second, 5, request));
    staying.now_ms = 0;
    EXPECT_EQ(store.ask(staying).response, second->response());
}

TEST_F(Store, who_waits_for_nobody_is_waited_for_by_nobody) {
    const Request request("/a");
    auto apart = asking(request);
    apart.joins = false;
    std::vector<std::shared_ptr<CacheFetch>> own;
    for (int i = 0; i < 100; ++i) {
        const auto found = store.ask(apart);
        ASSERT_EQ(found.what, What::lead) << i;
        own.push_back(found.fetch);
    }
    const auto joined = ask(request);
    ASSERT_EQ(joined.what, What::lead);
    EXPECT_EQ(ask(request).fetch, joined.fetch);
    // What was asked for later is newer, in either order.
    store.answer(*own[50], response(*own[50], 5, request));
    EXPECT_EQ(ask(request).response, own[50]->response());
    store.answer(*own[49], response(*own[49], 6, request));
    EXPECT_EQ(ask(request).response, own[50]->response());
    store.answer(*own[51], response(*own[51], 7, request));
    EXPECT_EQ(ask(request).response, own[51]->response());
    store.answer(*joined.fetch, response(*joined.fetch, 8, request));
    EXPECT_EQ(ask(request).response, joined.fetch->response());
    store.answer(*own[52], response(*own[52], 9, request));
    EXPECT_EQ(ask(request).response, joined.fetch->response());
}

TEST_F(Store, of_one_url_so_many_can_be_joined_and_one_more_is_fetched_by_each) {
    const auto variant = [](std::size_t number) {
        return Request("/a", "X: " + std::to_string(number) + "\r\n");
    };
    put(variant(0), 10, "x");  // by which it is known
    for (std::size_t i = 1; i <= CacheStore::k_joinable_max; ++i) {
        ASSERT_EQ(ask(variant(i)).what, What::lead) << i;
    }
    EXPECT_EQ(ask(variant(CacheStore::k_joinable_max)).what, What::wait);
    const Request past = variant(CacheStore::k_joinable_max + 1);
    const auto first = ask(past);
    ASSERT_EQ(first.what, What::lead);
    const auto second = ask(past);
    ASSERT_EQ(second.what, What::lead);
    store.answer(*second.fetch, response(*second.fetch, 6, past, "x"));
    store.answer(*first.fetch, response(*first.fetch, 5, past, "x"));
    EXPECT_EQ(ask(past).response, second.fetch->response());
}

TEST_F(Store, a_body_that_stands_still_is_given_until_its_limit_and_goes_on_for_who_has_it) {
    constexpr std::int64_t k_limit = edge::k_cache_join_limit.count;
    const Request request("/a");
    const auto first = ask(request, 0);
    const auto growing = response(*first.fetch, 5, request);
    auto stuck = std::make_shared<CachedResponse>();
    stuck->scope = 1;
    stuck->freshness = {.lifetime_ms = 1'000'000, .said = true};
    stuck->born = first.fetch->born();
    stuck->marks = growing->marks;
    stuck->body = std::make_shared<CacheBody>(20);
    stuck->body->note_growth(0);
    store.answer(*first.fetch, stuck);
    EXPECT_EQ(ask(request, k_limit - 1).response, stuck);
    const auto second = ask(request, k_limit);
    ASSERT_EQ(second.what, What::lead);
    EXPECT_EQ(ask(request, k_limit + 1).fetch, second.fetch) << "one more is enough";
    // It goes on after all, before the other is answered.
    stuck->body->note_growth(k_limit + 2);
    EXPECT_EQ(ask(request, k_limit + 3).response, stuck);
    const auto newer = response(*second.fetch, 5, request);
    store.answer(*second.fetch, newer);
    stuck->body->end(CacheBody::State::complete);
    store.settle(*first.fetch, *stuck, k_limit + 4);
    EXPECT_EQ(ask(request, 0).response, newer);
}

TEST_F(Store, one_that_is_slow_is_kept_though_others_were_begun_since) {
    const Request request("/a");
    const auto first = ask(request, 0);
    const auto second = ask(request, edge::k_cache_join_limit.count);
    ASSERT_EQ(second.what, What::lead);
    store.answer(*first.fetch, response(*first.fetch, 5, request));
    EXPECT_EQ(ask(request, 0).response, first.fetch->response());
    store.answer(*second.fetch, response(*second.fetch, 6, request));
    EXPECT_EQ(ask(request, 0).response, second.fetch->response());
}

TEST_F(Store, what_may_not_be_kept_passes_for_its_time_and_no_longer) {
    const Request request("/a");
    store.pass(*ask(request).fetch, 0);
    EXPECT_EQ(ask(request, edge::k_cache_pass_time.count - 1).what, What::pass);
    EXPECT_EQ(ask(request, edge::k_cache_pass_time.count).what, What::lead);
}

TEST_F(Store, credentials_pass_for_their_time_and_take_nothing_from_others_however_often) {
    const Request request("/a");
    put(request);
    wish.control.no_cache = true;
    for (std::int64_t i = 0; i < 100; ++i) {
        const std::int64_t now_ms = i * edge::k_cache_pass_time.count / 100;
        const auto found = ask(request, now_ms, 1, true, true);
        ASSERT_EQ(found.what, i == 0 ? What::lead : What::pass) << i;
        if (found.fetch) store.pass(*found.fetch, now_ms, CacheStore::Passed::credentials);
    }
    for (std::int64_t i = 1; i < 100; ++i) {
        const std::int64_t now_ms = i * edge::k_cache_pass_time.count;
        const auto found = ask(request, now_ms, 1, true, true);
        ASSERT_EQ(found.what, What::lead) << i;
        store.pass(*found.fetch, now_ms, CacheStore::Passed::credentials);
    }
    wish = {};
    EXPECT_EQ(ask(request).what, What::hit);
    EXPECT_EQ(store.stats().objects, 2);
}

TEST_F(Store, who_may_not_lead_goes_its_own_way_but_gets_what_is_there) {
    const Request request("/a");
    EXPECT_EQ(ask(request, 0, 1, false).what, What::pass);
    put(request);
    EXPECT_EQ(ask(request, 0, 1, false).what, What::hit);
}

TEST_F(Store, stale_is_validated_by_one_and_another_app_gets_nothing) {
    const Request request("/a");
    put(request);
    const auto late = ask(request, 1000);
    EXPECT_EQ(late.what, What::lead);
    EXPECT_EQ(late.why, http::CacheForward::stale);
    EXPECT_NE(late.fetch->base(), nullptr);
    EXPECT_EQ(ask(request, 1000).what, What::wait);
    const auto other = ask(request, 0, 2);
    EXPECT_EQ(other.what, What::lead);
    EXPECT_EQ(other.fetch->base(), nullptr);
}

TEST_F(Store, variants_are_told_apart_up_to_their_limit_and_one_past_it) {
    const auto variant = [](std::size_t number) {
        return Request("/a", "X: " + std::to_string(number) + "\r\n");
    };
    constexpr std::size_t k_variants = 32;
    for (std::size_t i = 0; i < k_variants; ++i) put(variant(i), 10, "x");
    for (std::size_t i = 0; i < k_variants; ++i) EXPECT_EQ(ask(variant(i)).what, What::hit) << i;
    put(variant(k_variants), 10, "x");
    EXPECT_EQ(store.stats().objects, static_cast<std::int64_t>(k_variants));
    EXPECT_EQ(ask(variant(k_variants)).what, What::hit);
    EXPECT_EQ(ask(variant(0)).what, What::lead) << "the oldest went";
}

TEST_F(Store, a_purge_takes_what_is_stored_and_what_is_being_fetched) {
    const Request stored("/a/1");
    const Request fetched("/a/2");
    const Request other("/b");
    put(stored);
    put(other);
    const auto fetch = ask(fetched).fetch;
    store.purge(edge::purge_mark(edge::PurgeScope::path, {}, "a.test/a"));
    EXPECT_EQ(ask(stored).what, What::lead);
    EXPECT_EQ(ask(other).what, What::hit);
    EXPECT_EQ(ask(fetched).what, What::lead) << "not to be waited for any more";
    store.answer(*fetch, response(*fetch, 5, fetched));
    EXPECT_NE(ask(fetched).what, What::hit);
}

TEST_F(Store, what_was_asked_for_before_a_purge_takes_the_place_of_nothing_after_it) {
    const Request request("/a");
    const auto stored = ask(request).fetch;
    store.purge(edge::purge_mark(edge::PurgeScope::url, {}, "a.test/a"));
    const auto passed = ask(request).fetch;
    store.purge(edge::purge_mark(edge::PurgeScope::url, {}, "a.test/a"));
    put(request);
    store.answer(*stored, response(*stored, 5, request));
    EXPECT_EQ(stored->state(), CacheFetch::State::answered);
    EXPECT_EQ(ask(request).what, What::hit);
    store.pass(*passed, 0);
    EXPECT_EQ(passed->state(), CacheFetch::State::passed);
    EXPECT_EQ(ask(request).what, What::hit);
}

TEST_F(Store, keeps_to_its_bytes_whatever_comes) {
    for (int i = 0; i < 1000; ++i) {
        put(Request("/" + std::to_string(i)), 10'000);
        ASSERT_LE(store.stats().bytes, store.stats().bytes_max);
    }
    EXPECT_GT(store.stats().objects, 80);
    EXPECT_GT(store.stats().evictions_total, 800);
}

TEST_F(Store, an_object_costs_little_beside_its_bytes) {
    for (int i = 0; i < 100; ++i) put(Request("/" + std::to_string(i)), 100);
    EXPECT_LT(store.stats().bytes / store.stats().objects, 1024);
}

// Room was once made where an object came: of a shard that was empty all went at once, for ever.
TEST_F(Store, what_comes_when_it_is_full_is_kept_wherever_it_lies) {
    constexpr std::size_t k_tenth = 100'000;
    for (int i = 0; i < 20; ++i) put(Request("/full/" + std::to_string(i)), k_tenth);
    int kept = 0;
    for (int i = 0; i < 50; ++i) {
        const Request request("/new/" + std::to_string(i));
        put(request, k_tenth);
        if (ask(request).what == What::hit) ++kept;
    }
    EXPECT_GT(kept, 30);
    EXPECT_LE(store.stats().bytes, store.stats().bytes_max);
}

TEST_F(Store, what_is_large_and_still_comes_is_not_evicted) {
    CacheStore small{8u << 20, 7};
    const Request request("/large");
    const auto ask_small = [&](const Request& one) {
        return small.ask({.key = one.key,
                          .hash = small.hash_of(one.key),
                          .scope = 1,
                          .app = "default/shop",
                          .request = one.parsed.head,
                          .wish = wish,
                          .now_ms = 0});
    };
    const auto found = ask_small(request);
    ASSERT_EQ(found.what, What::lead);
    const auto coming = std::make_shared<CachedResponse>();
    coming->scope = 1;
    coming->freshness = {.lifetime_ms = 1000, .said = true};
    coming->body = std::make_shared<CacheBody>(edge::k_cache_disk_direct_min);
    small.answer(*found.fetch, coming);
    const auto others = [&](const std::string& prefix) {
        for (int i = 0; i < 100; ++i) {
            const Request other(prefix + std::to_string(i));
            const auto lead = ask_small(other);
            ASSERT_EQ(lead.what, What::lead);
            const auto made = response(*lead.fetch, 500'000, other);
            small.answer(*lead.fetch, made);
            small.settle(*lead.fetch, *made, 0);
        }
    };
    others("/before/");
    EXPECT_EQ(small.stats().bytes_max, 8 << 20);
    EXPECT_LE(small.stats().bytes, 8 << 20);
    EXPECT_EQ(ask_small(request).response, coming);
    // Once it is whole it goes as any other.
    EXPECT_TRUE(coming->body->append(std::string(edge::k_cache_disk_direct_min, 'x')));
    coming->body->end(CacheBody::State::complete);
    small.settle(*found.fetch, *coming, 0);
    others("/after/");
    others("/later/");
    EXPECT_EQ(ask_small(request).what, What::lead);
}

// The head of an answer may be validated while its body still comes.
class ValidatedOnTheWay : public Store {
protected:
    void SetUp() override {
        first = ask(request).fetch;
        coming->scope = 1;
        coming->body = std::make_shared<CacheBody>(k_bytes);
        ASSERT_TRUE(coming->body->append("some"));
        store.answer(*first, coming);
        const auto found = ask(request);
        ASSERT_EQ(found.what, What::lead);
        ASSERT_EQ(found.fetch->base(), coming);
        second = found.fetch;
        validated->scope = 1;
        validated->freshness = {.lifetime_ms = 1000, .said = true};
        validated->body = coming->body;
    }
    void end(CacheBody::State state) {
        coming->body->end(state);
        store.settle(*first, *coming, 0);
    }

    static constexpr std::size_t k_bytes = 100;
    const Request request{"/a"};
    std::shared_ptr<CacheFetch> first;
    std::shared_ptr<CacheFetch> second;
    const std::shared_ptr<CachedResponse> coming = std::make_shared<CachedResponse>();
    const std::shared_ptr<CachedResponse> validated = std::make_shared<CachedResponse>();
};

TEST_F(ValidatedOnTheWay, and_broken_off_it_is_kept_no_more) {
    store.answer(*second, validated);
    ASSERT_EQ(ask(request).response, validated);
    end(CacheBody::State::failed);
    const auto found = ask(request);
    EXPECT_EQ(found.what, What::lead);
    EXPECT_EQ(found.fetch->base(), nullptr);
    EXPECT_EQ(store.stats().objects, 0);
}

TEST_F(ValidatedOnTheWay, and_broken_off_before_its_head_was_it_is_not_kept_at_all) {
    end(CacheBody::State::failed);
    store.answer(*second, validated);
    EXPECT_EQ(second->state(), CacheFetch::State::answered);
    EXPECT_EQ(store.stats().objects, 0);
    EXPECT_EQ(ask(request).what, What::lead);
}

TEST_F(ValidatedOnTheWay, and_whole_it_costs_what_it_has_become) {
    store.answer(*second, validated);
    ASSERT_TRUE(coming->body->append(std::string(k_bytes - 4, 'x')));
    end(CacheBody::State::complete);
    EXPECT_EQ(ask(request).response, validated);
    EXPECT_GE(store.stats().bytes, static_cast<std::int64_t>(validated->bytes()));
}

// By another worker than the one that writes.
TEST_F(ValidatedOnTheWay, by_another_thread_while_it_grows) {
    const std::jthread writer([&] {
        for (std::size_t i = 4; i < k_bytes; ++i) ASSERT_TRUE(coming->body->append("x"));
        end(CacheBody::State::complete);
    });
    store.answer(*second, validated);
}

TEST_F(Store, one_that_turned_out_too_long_passes_for_a_while) {
    const Request request("/a");
    const auto fetch = ask(request).fetch;
    const auto made = response(*fetch, store.object_bytes_max() + 1, request);
    store.answer(*fetch, made);
    store.settle(*fetch, *made, 0);
    EXPECT_EQ(ask(request, 1).what, What::pass);
    const Request fits("/b");
    put(fits, store.object_bytes_max());
    EXPECT_EQ(ask(fits).what, What::hit);
}

TEST_F(Store, ten_thousand_at_once_on_many_threads_are_one_fetch) {
    std::atomic<int> leads = 0;
    std::atomic<int> others = 0;
    {
        std::vector<std::jthread> threads;
        for (int thread = 0; thread < 8; ++thread) {
            threads.emplace_back([&] {
                const Request request("/a");
                for (int i = 0; i < 1250; ++i) {
                    (ask(request).what == What::lead ? leads : others).fetch_add(1);
                }
            });
        }
    }
    EXPECT_EQ(leads.load(), 1);
    EXPECT_EQ(others.load(), 9999);
}

TEST_F(Store, threads_that_store_purge_and_ask_at_once_agree_in_the_end) {
    {
        std::vector<std::jthread> threads;
        for (int thread = 0; thread < 4; ++thread) {
            threads.emplace_back([&, thread] {
                for (int i = 0; i < 2000; ++i) {
                    const Request request("/" + std::to_string((i * 7 + thread) % 50));
                    const auto found = ask(request);
                    if (found.what == What::lead) {
                        const auto made = response(*found.fetch, 30'000, request);
                        store.answer(*found.fetch, made);
                        store.settle(*found.fetch, *made, 0);
                    } else if (i % 100 == 0) {
                        store.purge(edge::purge_mark(edge::PurgeScope::path, {}, "a.test"));
                    }
                }
            });
        }
    }
    EXPECT_LE(store.stats().bytes, store.stats().bytes_max);
    EXPECT_LE(store.stats().objects, 50);
}

TEST(CacheStoreMemory, bodies_that_are_read_still_have_a_bound) {
    constexpr std::size_t k_memory = 1u << 20;
    constexpr std::size_t k_short = 64u << 10;
    const CacheStore store(k_memory, 1);
    const std::size_t others = CacheBody::all_bytes();
    ASSERT_LT(others, k_memory);
    const CacheBody held(2 * k_memory - others - k_short - 1);
    EXPECT_TRUE(store.may_begin(k_short + 1));
    EXPECT_FALSE(store.may_begin(k_short + 2));
    const CacheBody more(k_memory + k_short + 1);
    EXPECT_TRUE(store.may_begin(k_short));
    EXPECT_FALSE(store.may_begin(k_short + 1));
    EXPECT_TRUE(store.may_grow());
    const CacheBody one_more(1);
    EXPECT_FALSE(store.may_grow());
}

}  // namespace
}  // namespace moln::edge_loop
