// HTTP/2 connections of clients: bytes in, streams driven, bytes out. What is to be sent is
// gathered during a turn of the loop and goes out with one system call at its end.
#include <utility>

#include "runtime/edge/flow.h"
#include "runtime/edge/socket_io.h"

namespace moln::edge_loop {
namespace {

void drive_ready(Core& core, Client& carrier) {
    while (H2Stream* stream = carrier.h2->next_ready()) drive(core, client_of(*stream));
}

// What the connection waits for decides which timer runs. That of an idle one begins when its last
// stream ends and is not put off by frames that are no requests.
void watch(Core& core, Client& carrier) {
    H2Connection& h2 = *carrier.h2;
    const bool timed = static_cast<edge::ListLink<ByTimer>&>(carrier).linked();
    if (h2.unsent()) {
        if (h2.stalled && timed) return;
        h2.stalled = true;
        set_timer(core, carrier, core.stall_timers, core.limits.stall);
        return;
    }
    const bool was_stalled = std::exchange(h2.stalled, false);
    if (core.stopping && !h2.closes()) return;  // until the shutdown's pause is over
    if (h2.open() != 0) {
        clear_timer(carrier);
    } else if (!timed || was_stalled) {
        set_timer(core, carrier, core.idle_timers, core.limits.idle);
    }
}

// The rest of what a connection that is given up has to say.
Flow give_up(Core& core, Client& carrier) {
    const bool sent = carrier.h2->flush();
    end_http2(core, carrier);
    if (sent && !carrier.ended) {
        linger(core, carrier);
    } else {
        close_client(core, carrier);
    }
    return Flow::gone;
}

}  // namespace

Flow begin_http2(Core& core, Client& client) {
    client.h2 = H2Connection::make(core, client);
    if (!client.h2) {
        close_client(core, client);
        return Flow::gone;
    }
    client.state = ClientState::http2;
    client.fresh = false;
    clear_timer(client);
    Buffer* early = std::exchange(client.in, nullptr);  // a preface, and maybe more
    const bool good = early == nullptr || client.h2->take_in(early->view());
    core.buffers.take_back(&early);
    if (!good) return give_up(core, client);
    if (core.stopping) stop_http2(core, client);
    drive_ready(core, client);
    return Flow::progress;
}

Flow step_http2(Core& core, Client& client) {
    if (client.ready.broken) {
        close_client(core, client);
        return Flow::gone;
    }
    if (client.h2->unsent() && client.ready.writable) {
        flush_http2(core, client);
        if (client.state != ClientState::http2) return Flow::progress;
    }
    if (!client.ready.readable || client.h2->congested()) return Flow::wait;
    Buffer* in = core.buffers.lend();
    if (in == nullptr) {
        close_client(core, client);
        return Flow::gone;
    }
    const IoResult got = receive(client, *in);
    const bool good = in->empty() || client.h2->take_in(in->view());
    core.buffers.take_back(&in);
    if (got.end == IoEnd::would_block) return Flow::wait;
    if (got.end == IoEnd::ended) client.ended = true;
    if (got.end == IoEnd::ended || got.end == IoEnd::broken) {
        // Nobody is there who could take an answer.
        close_client(core, client);
        return Flow::gone;
    }
    if (!good) return give_up(core, client);
    drive_ready(core, client);
    return Flow::progress;
}

void on_http2_timer(Core& core, Client& client) {
    const bool stalled = client.h2->stalled;
    // Idle ever since it was told to go: the last answers may have ends for which it gives no room.
    const bool stays = client.h2->closes() && client.h2->open() == 0;
    if (stalled || stays) {
        close_client(core, client);
        return;
    }
    if (!client.h2->closes()) client.h2->close_for_new();
    flush_http2(core, client);
}

void stop_http2(Core& core, Client& client) {
    client.h2->announce_shutdown();
    set_timer(core, client, core.shutdown_timers, core.limits.h2_shutdown);
}

void end_http2(Core& core, Client& client) {
    while (H2Stream* stream = client.h2->first()) {
        client_of(*stream).ready.broken = true;
        close_client(core, client_of(*stream));
    }
    client.h2.reset();
}

void leave_stream(Client& client) {
    H2Stream& stream = *std::exchange(client.stream, nullptr);
    stream.link->drop(stream, stream.leave_with);
}

void end_turn(Core& core) {
    edge::List<H2Link, ByFlush> batch;
    while (H2Link* link = core.flushes.pop_front()) batch.push_back(link);
    while (H2Link* link = batch.pop_front()) link->on_turn_end();
}

// Some was sent, and what waited for room goes on.
void flush_http2(Core& core, Client& carrier) {
    if (!carrier.h2->flush()) {
        close_client(core, carrier);
        return;
    }
    drive_ready(core, carrier);
    if (carrier.h2->over()) {
        if (carrier.ended) {
            close_client(core, carrier);
        } else {
            end_http2(core, carrier);
            linger(core, carrier);
        }
        return;
    }
    watch(core, carrier);
    // Nothing was read while too much waited; the event that told of it is over.
    auto& again = static_cast<edge::ListLink<ByAgain>&>(carrier);
    if (carrier.ready.readable && !carrier.h2->congested() && !again.linked()) {
        core.again.push_back(&carrier);
    }
}

}  // namespace moln::edge_loop
