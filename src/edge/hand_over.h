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
//                                {"flows": HandedFlows} once or more, if both know of that: each
//                                with the socket that leads to its instance; the last one says so.
//                                Until then the new one receives no datagrams
//   {"release": {}}              once the new one is replaced itself: the old closes the sockets
//                                that it kept for the case that the new one dies
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/id.h"
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
    bool flows = false;                        // they will follow, if they are wanted
};
BOOST_DESCRIBE_STRUCT(Handed, (), (sockets, last, epoch, version, ticket_keys, flows))

// Of UDP: the datagrams of one client go on to the instance that they went to, from where they came
// from there.
struct HandedFlow {
    std::string listen;      // "udp:53"
    std::string address;     // of the socket that it came by, as bound
    std::string client;      // its address in hexadecimal, of 4 or 16 bytes
    int client_port = 0;     // 1 to 65,535
    std::int64_t scope = 0;  // of a link-local client: the interface
    std::string local;       // what it sends to; as `client`
    InstanceId instance;
    bool answered = false;
    std::int64_t retries = 0;
    std::int64_t bytes_in = 0;
    std::int64_t bytes_out = 0;
    MonoTime begun;  // of a clock that processes of one machine share
    WallTime begun_wall;
    friend bool operator==(const HandedFlow&, const HandedFlow&) = default;
};
BOOST_DESCRIBE_STRUCT(HandedFlow, (),
                      (listen, address, client, client_port, scope, local, instance, answered,
                       retries, bytes_in, bytes_out, begun, begun_wall))

struct HandedFlows {
    std::vector<HandedFlow> flows;  // at most k_handed_sockets_max
    bool last = false;
};
BOOST_DESCRIBE_STRUCT(HandedFlows, (), (flows, last))

struct TakeOver {
    bool purges = false;  // it knows that kind
};
BOOST_DESCRIBE_STRUCT(TakeOver, (), (purges))

struct TookOver {
    Milliseconds drain_limit{0};  // what is open then is cut; 0: it has all the time it needs
    std::vector<HandedSocket> unwanted;  // nobody listens there any more
    bool purges = false;                 // what was purged is shared
    bool flows = false;                  // they are wanted
};
BOOST_DESCRIBE_STRUCT(TookOver, (), (drain_limit, unwanted, purges, flows))

struct Release {};
BOOST_DESCRIBE_STRUCT(Release, (), ())

struct HandOverRefused {
    std::string reason;
};
struct HandOverLeft {};
BOOST_DESCRIBE_STRUCT(HandOverLeft, (), ())
struct HandOverOther {};  // a report, say: of no concern

using HandOverLine =
    std::variant<Handed, HandOverRefused, HandOverLeft, HandedFlows, HandOverOther>;

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
// The same of flows.
std::vector<HandedFlows> in_parts(std::vector<HandedFlow> all);

}  // namespace moln::edge
