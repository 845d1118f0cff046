// What an edge and the one that takes its place say to each other, as values: the new one connects
// to the control socket of the old. Not how it travels, and not what either does.
//
//   new                          old
//   {"take_over": TakeOver}
//                                {"handed": Handed} once or more, with its sockets; the last one
//                                says so; or {"refused": why}
//   serves
//   {"took_over": TookOver}
//                                {"left": {}}: it accepts and stores nothing any more, and ends
//                                when all that it began is over
//   {"release": {}}              once the new one is replaced itself: the old closes the sockets
//                                that it kept for the case that the new one dies
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "model/codec.h"

namespace moln::edge {

enum class HandedKind {
    web,      // requests
    web_tls,  // requests over TLS
    metrics,  // its own HTTP server
    stream,   // of a route without HTTP
    lock,     // of the state directory
    purges,   // memory: what was purged from the cache, at either of the two; if it is wanted
};
BOOST_DESCRIBE_ENUM(HandedKind, web, web_tls, metrics, stream, lock, purges)

// One descriptor beside the line, in this order.
struct HandedSocket {
    HandedKind kind = HandedKind::web;
    std::string address;  // as bound; "" of a lock
    std::string listen;   // of a stream: "tcp:5432"
    friend bool operator==(const HandedSocket&, const HandedSocket&) = default;
};
BOOST_DESCRIBE_STRUCT(HandedSocket, (), (kind, address, listen))

// A key of session tickets. Travels over the socket only, never by disk or argument.
struct HandedTicketKey {
    std::string name;    // hexadecimal, as all three
    std::string cipher;  // secret
    std::string mac;     // secret
    MonoTime made;       // of a clock that processes of one machine share
};
BOOST_DESCRIBE_STRUCT(HandedTicketKey, (), (name, cipher, mac, made))

struct Handed {
    std::vector<HandedSocket> sockets;  // at most k_handed_sockets_max
    bool last = false;
    // Of the last one: the snapshot on disk is this or a later one.
    std::int64_t epoch = 0;
    std::int64_t version = 0;
    std::vector<HandedTicketKey> ticket_keys;  // newest first
};
BOOST_DESCRIBE_STRUCT(Handed, (), (sockets, last, epoch, version, ticket_keys))

struct TakeOver {
    bool purges = false;  // it knows that kind
};
BOOST_DESCRIBE_STRUCT(TakeOver, (), (purges))

struct TookOver {
    Milliseconds drain_limit{0};  // what is open then is cut; 0: it has all the time it needs
    std::vector<HandedSocket> unwanted;  // nobody listens there any more
    bool purges = false;                 // what was purged is shared
};
BOOST_DESCRIBE_STRUCT(TookOver, (), (drain_limit, unwanted, purges))

struct Release {};
BOOST_DESCRIBE_STRUCT(Release, (), ())

struct HandOverRefused {
    std::string reason;
};
struct HandOverLeft {};
BOOST_DESCRIBE_STRUCT(HandOverLeft, (), ())
struct HandOverOther {};  // a report, say: of no concern

using HandOverLine = std::variant<Handed, HandOverRefused, HandOverLeft, HandOverOther>;

// A line of the old edge. `invalid` when it is no JSON object or a malformed one of the above.
Result<HandOverLine> parse_hand_over_line(std::string_view line);

// {"name": value}
template <typename T>
std::string hand_over_line(std::string_view name, const T& value) {
    json::object line;
    line.emplace(name, to_json(value));
    return json::serialize(line);
}

// `all` as values of at most k_handed_sockets_max sockets each, at least one; the rest is in the
// last.
std::vector<Handed> in_parts(Handed all);

}  // namespace moln::edge
