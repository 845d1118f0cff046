// What is in the place of a client's connection when the edge makes a request by itself: a fetch
// for the cache, a question of whether another request may come in, a copy for a canary. Such a
// request is an exchange of its own, so hold, concurrency, retry and drain are the same for it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "http/framing.h"
#include "http/write.h"

namespace moln::edge_loop {

struct Client;
struct Core;
struct Exchange;
struct LocalAnswer;
enum class Flow : std::uint8_t;

// What it adds to the request's head.
class InnerFields {
public:
    void add(const http::ExtraField& field) { fields_[count_++] = field; }
    std::span<const http::ExtraField> view() const { return {fields_.data(), count_}; }

private:
    std::array<http::ExtraField, 6> fields_;
    std::size_t count_ = 0;
};

class InnerSink {
public:
    virtual ~InnerSink() = default;

    // The values of the fields live as long as the sink.
    virtual void shape(http::UpstreamRequest&, InnerFields&) const {}
    // The final head came: exchange.heads->response. progress: its body is wanted; any other: no
    // more is, the request ends here.
    virtual Flow take_head(Core& core, Exchange& exchange, const http::BodyFraming& framing) = 0;
    // False: no more is wanted.
    virtual bool take_body(Core& core, std::string_view data) = 0;
    // Nothing came of it.
    virtual void take_refusal(Core& core, Exchange& exchange, const LocalAnswer& answer) = 0;
    // It breaks off in the middle of its body: end() follows.
    virtual void take_break(Core&, const Exchange&) {}
    // All of the response has come.
    virtual void note_complete() {}
    // It is over, well or not. The last call: the sink destroys itself.
    virtual void end(Core& core) = 0;
    // Is it a request of its own to what is counted of its app? Else who it is for is.
    virtual bool counts() const { return false; }

    Client* client = nullptr;          // in whose place it is, from its begin on
    std::string_view scheme = "http";  // of who it is for
    // The value of Client-Cert, of who it is for: a copy, as he may leave before this ends.
    std::string client_cert;
};

}  // namespace moln::edge_loop
