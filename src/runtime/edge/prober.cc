#include "runtime/edge/prober.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>

#include "edge/limits.h"
#include "io/net/socket.h"

namespace moln::edge_loop {
namespace {

constexpr Milliseconds k_crowded_pause{20};  // too many probes run, or nothing is left for one

std::string connect_reason(int error, std::uint16_t port) {
    if (error == ECONNREFUSED) return fmt::format("connection refused on port {}", port);
    return fmt::format("cannot connect to port {}: {}", port, std::strerror(error));
}

}  // namespace

void Prober::Target::on_event(std::uint32_t events, std::int64_t now_ms) {
    prober->advance(*this, events, now_ms);
}

void Prober::schedule(Target& target, std::int64_t due_ms) {
    due_.erase({target.due_ms, &target});
    target.due_ms = due_ms;
    due_.insert({due_ms, &target});
}

void Prober::set_target(const AppEntry& app, std::size_t endpoint, std::int64_t now_ms) {
    const EndpointEntry& entry = app.endpoints[endpoint];
    const EdgeApp& spec = app.app->spec;
    auto& target = targets_[entry.cell.get()];
    const bool fresh = !target;
    if (fresh) {
        target = std::make_unique<Target>();
        target->cell = entry.cell;
        target->prober = this;
    }
    target->seen = generation_;
    target->spec = spec.endpoints[endpoint].health.value_or(spec.health);
    target->state = entry.state;
    const auto& host = app.app->probe_host;
    target->request = fmt::format(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: moln-health\r\nAccept: */*\r\n"
        "Connection: close\r\n\r\n",
        target->spec.path, host.empty() ? "localhost" : host);
    if (fresh) schedule(*target, now_ms);
}

void Prober::drop(const EndpointCell* cell) {
    const auto known = targets_.find(cell);
    if (known == targets_.end() || known->second->seen == generation_) return;
    Target& target = *known->second;
    due_.erase({target.due_ms, &target});
    if (target.fd.valid()) --running_;
    target.fd.reset();
    dropped_.push_back(std::move(known->second));
    targets_.erase(known);
}

void Prober::set_targets(const Tables& tables, std::span<const std::uint32_t> touched,
                         std::int64_t now_ms) {
    ++generation_;
    by_place_.resize(tables.apps.size());
    for (const std::uint32_t place : touched) {
        const auto before = std::exchange(by_place_[place], {});
        if (const AppEntry* app = tables.apps[place].get()) {
            for (std::size_t i = 0; i < app->endpoints.size(); ++i) {
                set_target(*app, i, now_ms);
                by_place_[place].push_back(app->endpoints[i].cell.get());
            }
        }
        for (const EndpointCell* cell : before) drop(cell);
    }
}

std::int64_t Prober::next_due_ms() const {
    return due_.empty() ? -1 : due_.begin()->first;
}

void Prober::run_due(std::int64_t now_ms) {
    dropped_.clear();
    while (!due_.empty() && due_.begin()->first <= now_ms) {
        Target& target = *due_.begin()->second;
        if (!target.fd.valid()) {
            begin(target, now_ms);
            continue;
        }
        finish(target, {.good = false, .reason = late_reason(target), .late = target.connected},
               now_ms);
    }
}

std::string Prober::late_reason(const Target& target) {
    if (target.connected) {
        return fmt::format("no answer to GET {} within {} ms", target.spec.path,
                           target.spec.timeout.count);
    }
    return fmt::format("no connection to port {} within {} ms", target.cell->address.port(),
                       target.health.connect_limit(target.spec, target.state).count);
}

void Prober::begin(Target& target, std::int64_t now_ms) {
    if (target.spec.kind == HealthKind::running) {
        finish(target, {.good = true}, now_ms);
        return;
    }
    if (running_ >= edge::k_probes_open_max) {
        schedule(target, now_ms + k_crowded_pause.count);
        return;
    }
    auto fd = net::connect_tcp(target.cell->address);
    // Out of descriptors or local ports, which says nothing of the instance.
    if (!fd && fd.error().code == ErrorCode::refused) {
        schedule(target, now_ms + k_crowded_pause.count);
        return;
    }
    if (!fd || !epoll_.add(fd->get(), net::k_stream_edges, static_cast<ControlPart*>(&target))) {
        finish(target,
               {.good = false, .reason = connect_reason(errno, target.cell->address.port())},
               now_ms);
        return;
    }
    ++running_;
    target.fd = std::move(*fd);
    target.connected = false;
    target.sent = 0;
    target.answer.clear();
    schedule(target, now_ms + target.health.connect_limit(target.spec, target.state).count);
}

void Prober::advance(Target& target, std::uint32_t events, std::int64_t now_ms) {
    if (!target.fd.valid()) return;
    if (!target.connected) {
        if (const int error = net::connect_error(target.fd.get()); error != 0) {
            finish(target,
                   {.good = false, .reason = connect_reason(error, target.cell->address.port())},
                   now_ms);
            return;
        }
        if ((events & EPOLLOUT) == 0) return;
        target.connected = true;
        if (target.spec.kind == HealthKind::tcp) {
            finish(target, {.good = true}, now_ms);
            return;
        }
        schedule(target, now_ms + target.spec.timeout.count);
    }
    if (target.sent < target.request.size()) {
        const auto put = ::send(target.fd.get(), target.request.data() + target.sent,
                                target.request.size() - target.sent, MSG_NOSIGNAL);
        if (put > 0) target.sent += static_cast<std::size_t>(put);
    }
    read_answer(target, now_ms);
}

void Prober::read_answer(Target& target, std::int64_t now_ms) {
    const auto bad = [&](std::string reason) {
        finish(target, {.good = false, .reason = std::move(reason)}, now_ms);
    };
    for (;;) {
        char part[2048];
        const auto got = ::recv(target.fd.get(), part, sizeof part, 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (got <= 0) {
            bad(fmt::format("connection closed before an answer to GET {}", target.spec.path));
            return;
        }
        target.answer.append(part, static_cast<std::size_t>(got));
        http::HeadCursor cursor;
        http::ResponseHead head;
        const auto parsed = http::parse_response_head(
            target.answer, {.head_bytes_max = edge::k_probe_head_bytes_max}, cursor, head);
        if (parsed.progress == http::Progress::need_more) continue;
        if (parsed.progress == http::Progress::refused) {
            bad(fmt::format("the answer to GET {} is not valid HTTP: {}", target.spec.path,
                            http::word(parsed.violation)));
        } else if (head.status < 200 || head.status > 399) {
            bad(fmt::format("GET {} answered {}", target.spec.path, head.status));
        } else {
            finish(target, {.good = true}, now_ms);
        }
        return;
    }
}

void Prober::finish(Target& target, const edge::ProbeOutcome& outcome, std::int64_t now_ms) {
    if (target.fd.valid()) --running_;
    target.fd.reset();
    target.answer.clear();
    const bool changed = target.health.apply(outcome, target.spec, target.state);
    target.cell->late.store(target.health.late(), std::memory_order_relaxed);
    target.cell->health.store(target.health.health(), std::memory_order_release);
    schedule(target, now_ms + target.health.pause(target.spec, target.state).count);
    if (changed) on_change_(*target.cell);
}

std::string Prober::reason(const EndpointCell* cell) const {
    const auto found = targets_.find(cell);
    return found == targets_.end() ? "" : found->second->health.reason();
}

}  // namespace moln::edge_loop
