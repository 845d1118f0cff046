// May this response be stored, and under what it will be found again (RFC 9111 3).
#pragma once

#include <cstdint>
#include <string_view>

#include "edge/cache/freshness.h"
#include "http/head.h"

namespace moln::edge {

// What a request is to a cache, from its head alone.
enum class CacheRole : std::uint8_t {
    lookup,      // it may be answered from the cache, and its answer stored
    pass,        // it goes to the app, and its answer is not stored
    invalidate,  // as pass, and when it succeeds, what is stored under its URL is no longer true
};
CacheRole cache_role(const http::RequestHead& request);

// Why a response is not stored. The enumerator is the word in Cache-Status' detail, with '-'.
enum class StoreRefusal : std::uint8_t {
    none,
    no_store,       // the response, or the request, says so
    is_private,     // Cache-Control: private
    authorization,  // the request had credentials and the response does not say that it is for all
    status,         // one that says nothing about storing, or that must be understood and is not
    stale,          // of no use: neither fresh for any time nor can it be validated
    vary,           // it fits no other request
    upgraded,       // 101
    peer,           // it came from another edge, which does not keep it
    no_memory,      // what is being read takes all that there is for that
    too_large,      // longer than one object may be, or with too many tags
};
std::string_view word(StoreRefusal refusal);

struct StoreVerdict {
    StoreRefusal refusal = StoreRefusal::none;
    Freshness freshness;
};

// Was a part asked for, to be stored as one (slices.h)?
enum class PartAsked : std::uint8_t { no, yes };

// Whether a request has credentials, which make an answer its own unless it says otherwise.
enum class Identity : std::uint8_t {
    by_head,   // if Authorization is there
    vouched,   // fields of it say who it is, and no client could have said them
    password,  // X-Forwarded-User says it to the app; what stands in the head under that name is
               // the client's own word
};

// Is it a response that may be stored, or a stored one that was found to be good still?
enum class Judged : std::uint8_t { anew, validated };

// `request` is the one that was sent to the app.
StoreVerdict judge_store(const http::RequestHead& request, const http::ResponseHead& response,
                         const ResponseTimes& times, const CacheSpec& rules,
                         PartAsked part = PartAsked::no, Identity identity = Identity::by_head,
                         Judged judged = Judged::anew);

}  // namespace moln::edge
