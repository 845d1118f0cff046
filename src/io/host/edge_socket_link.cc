#include "io/host/edge_socket_link.h"

#include <algorithm>
#include <cerrno>
#include <deque>
#include <iterator>
#include <optional>
#include <utility>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "io/host/asio_context.h"
#include "io/host/log.h"
#include "io/net/line_channel.h"
#include "model/codec.h"
#include "model/edge_delta.h"
#include "model/report_changes.h"

namespace moln {
namespace {

namespace asio = boost::asio;

Result<Fd> connect_to(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        return fail(ErrorCode::invalid, fmt::format("the socket path {} is longer than {} bytes",
                                                    path, sizeof address.sun_path - 1));
    }
    std::copy(path.begin(), path.end(), address.sun_path);
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd.valid()) return fail(error_from_errno(errno, "socket"));
    // Unix sockets connect at once or not at all.
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return fail(error_from_errno(errno, "connect to the edge at " + path));
    }
    return fd;
}

pid_t pid_of_peer(int fd) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return 0;
    return peer.pid;
}

constexpr std::string_view k_changes_wanted = R"({"get":"changes"})";

// The first line of a report, or of what has changed since the last.
Result<ReportChanges> changes_of(const json::object& message, EdgeReport report) {
    ReportChanges changes{.report = std::move(report), .endpoints_gone = {}, .apps_gone = {}};
    if (const auto* gone = message.if_contains("endpoints_gone")) {
        MOLN_ASSIGN(changes.endpoints_gone, from_json<std::vector<InstanceId>>(*gone));
    }
    if (const auto* gone = message.if_contains("apps_gone")) {
        MOLN_ASSIGN(changes.apps_gone, from_json<std::vector<EdgeAppKey>>(*gone));
    }
    std::ranges::sort(changes.endpoints_gone);
    std::ranges::sort(changes.apps_gone);
    return changes;
}

// One connection: the channel, and a second descriptor of the socket for Asio to wait on.
struct Connection {
    Connection(asio::io_context& context, Fd fd)
        : pid(pid_of_peer(fd.get())),
          readiness(context, ::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0)),
          channel(std::move(fd), {.line_max = k_edge_line_bytes_max}) {}

    pid_t pid;
    asio::posix::stream_descriptor readiness;
    net::LineChannel channel;
    bool is_writing = false;  // waits to be writable
};

}  // namespace

class EdgeSocketLink::Impl : public std::enable_shared_from_this<Impl> {
public:
    Impl(HostLoop& loop, EdgeSocketOptions options) : loop_(loop), options_(std::move(options)) {}

    void connect();
    void publish(std::shared_ptr<const EdgeSnapshot> snapshot);
    void offer(const EdgeListenOffer& offer, std::vector<Fd> sockets);
    void tell_cache_peers(std::string line);
    void request_metrics(std::function<void(Result<std::string>)> callback);
    void request_routes(std::function<void(Result<std::vector<EdgeRouteReport>>)> callback);
    std::optional<EdgeProcessCounts> counts() const { return counts_; }
    void request_purge(const CachePurge& purge, std::function<void(Status)> callback);
    void on_report(std::function<void(const EdgeReport*)> callback) {
        report_ = std::move(callback);
    }
    pid_t peer_pid() const { return connection_ ? connection_->pid : 0; }
    void expect_end() { is_end_expected_ = true; }
    void give_up_questions();

private:
    // `step` later on this connection; not at all if it is gone by then.
    template <typename Step>
    auto on_this_connection(Step step) {
        return [weak = weak_from_this(), number = connections_, step](auto&&...) {
            const auto self = weak.lock();
            if (self && self->connection_ && self->connections_ == number) step(*self);
        };
    }
    void retry();
    void wait_for_input();
    void read();
    void write();
    void send_snapshot();
    Status send_cache_peers();
    std::deque<std::string> lines_of(const EdgeSnapshot& snapshot) const;
    Status handle(std::string_view line);
    Status handle_report(const json::object& message, const json::value& body);
    Status handle_purged(const json::value& said);
    Status handle_routes(const json::value& said);
    template <typename Answer>
    void ask(std::string_view what, std::deque<std::function<void(Result<Answer>)>>& waiting,
             std::function<void(Result<Answer>)> callback);
    void watch_silence();
    void lose(const Error& error);

    HostLoop& loop_;
    EdgeSocketOptions options_;
    std::function<void(const EdgeReport*)> report_;
    std::unique_ptr<Connection> connection_;
    std::int64_t connections_ = 0;
    Milliseconds retry_after_ = k_edge_retry_first;
    MonoTime heard_;
    std::shared_ptr<const EdgeSnapshot> latest_;  // null before the first
    // Of this connection.
    std::shared_ptr<const EdgeSnapshot> sent_;  // what the edge has once lines_ are out; null: none
    std::deque<std::string> lines_;             // of sent_, that are not out yet
    bool is_greeted_ = false;                   // the edge has told what it understands
    bool takes_deltas_ = false;
    bool takes_cache_peers_ = false;
    std::optional<ReportChanges> report_part_;  // of which more is to come
    bool is_part_whole_ = false;                // it is a report of its own
    std::optional<EdgeReport> report_whole_;    // the last, sorted
    bool is_end_expected_ = false;
    std::deque<std::function<void(Result<std::string>)>> metrics_;  // asked, not answered
    std::deque<std::function<void(Status)>> purges_;                // the same
    std::deque<std::function<void(Result<std::vector<EdgeRouteReport>>)>> routes_;
    std::optional<EdgeProcessCounts> counts_;
};

void EdgeSocketLink::Impl::connect() {
    auto fd = connect_to(options_.path);
    if (!fd) {
        log_debug("edge.unreachable", {{"reason", fd.error().reason}});
        return retry();
    }
    ++connections_;
    connection_ = std::make_unique<Connection>(asio_context(loop_), std::move(*fd));
    heard_ = loop_.now().mono;
    sent_.reset();
    lines_.clear();
    is_greeted_ = takes_deltas_ = takes_cache_peers_ = false;
    report_part_.reset();
    report_whole_.reset();
    counts_.reset();
    log_info("edge.connected", {{"pid", connection_->pid}});
    wait_for_input();
    watch_silence();
    send_snapshot();
}

void EdgeSocketLink::Impl::retry() {
    loop_.after(retry_after_, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->connect();
    });
    retry_after_ = std::min(retry_after_ * 2, k_edge_retry_max);
}

void EdgeSocketLink::Impl::wait_for_input() {
    connection_->readiness.async_wait(asio::posix::stream_descriptor::wait_read,
                                      on_this_connection([](Impl& self) { self.read(); }));
}

void EdgeSocketLink::Impl::read() {
    const auto number = connections_;
    const auto state = connection_->channel.read_some();
    std::string_view line;
    while (connection_->channel.next_line(&line)) {
        const auto status = handle(line);
        // A callback may have brought the end of this connection about.
        if (!connection_ || connections_ != number) return;
        if (!status) return lose(status.error());
    }
    if (!state) return lose(state.error());
    if (*state == net::LineChannel::ReadState::ended) {
        return lose({ErrorCode::unavailable, "the edge closed its control socket"});
    }
    wait_for_input();
}

Status EdgeSocketLink::Impl::handle(std::string_view line) {
    MOLN_ASSIGN(const auto message, parse_json(line, k_edge_line_bytes_max));
    const auto* object = message.if_object();
    if (object == nullptr) return fail(ErrorCode::invalid, "a line of the edge is no object");
    heard_ = loop_.now().mono;
    retry_after_ = k_edge_retry_first;
    if (const auto* body = object->if_contains("report")) return handle_report(*object, *body);
    if (object->contains("resync")) {
        sent_.reset();
        lines_.clear();
        send_snapshot();
        return {};
    }
    if (const auto* purged = object->if_contains("purged")) return handle_purged(*purged);
    if (const auto* routes = object->if_contains("routes")) return handle_routes(*routes);
    const auto* text = object->if_contains("metrics");
    if (text == nullptr || !text->is_string() || metrics_.empty()) {
        return fail(ErrorCode::invalid, "a line of the edge is neither a report nor asked for");
    }
    const auto callback = std::move(metrics_.front());
    metrics_.pop_front();
    callback(std::string(text->get_string()));
    return {};
}

Status EdgeSocketLink::Impl::handle_report(const json::object& message, const json::value& body) {
    // A newer edge may report more than this daemon knows.
    MOLN_ASSIGN(auto report, from_json<EdgeReport>(body, UnknownFields::ignore));
    if (!is_greeted_) {
        is_greeted_ = true;
        takes_deltas_ = message.contains("deltas");
        if (message.contains("changes")) {
            MOLN_TRY(connection_->channel.send_line(k_changes_wanted));
            write();
            if (!connection_) return {};
        }
        takes_cache_peers_ = message.contains("cache_peers");
        MOLN_TRY(send_cache_peers());
        if (!connection_) return {};
        send_snapshot();
    }
    if (const auto* counts = message.if_contains("counts")) {
        MOLN_ASSIGN(counts_, from_json<EdgeProcessCounts>(*counts, UnknownFields::ignore));
    }
    if (report_part_) {
        auto& part = report_part_->report;
        std::ranges::move(report.endpoints, std::back_inserter(part.endpoints));
        std::ranges::move(report.apps, std::back_inserter(part.apps));
    } else {
        MOLN_ASSIGN(report_part_, changes_of(message, std::move(report)));
        is_part_whole_ = !message.contains("since");
    }
    if (message.contains("more")) {
        const auto& part = report_part_->report;
        if (part.endpoints.size() + part.apps.size() > k_delta_entries_max) {
            return fail(ErrorCode::invalid, "a report of the edge has no end");
        }
        return {};
    }
    auto changes = *std::exchange(report_part_, std::nullopt);
    sort_report(changes.report);
    if (is_part_whole_) {
        report_whole_ = std::move(changes.report);
    } else if (report_whole_) {
        take_changes(*report_whole_, std::move(changes));
    } else {
        return fail(ErrorCode::invalid, "the edge tells what has changed before it told the whole");
    }
    // It stays until the next connection, which the callback can at most begin to wait for.
    if (report_) report_(&*report_whole_);
    return {};
}

void EdgeSocketLink::Impl::publish(std::shared_ptr<const EdgeSnapshot> snapshot) {
    latest_ = std::move(snapshot);
    if (connection_) send_snapshot();
}

namespace {

std::size_t entries(const EdgeSnapshot& snapshot) {
    std::size_t all = snapshot.routes.size() + snapshot.apps.size();
    for (const auto& app : snapshot.apps) all += app.endpoints.size();
    return all;
}

}  // namespace

// None: it cannot be told.
std::deque<std::string> EdgeSocketLink::Impl::lines_of(const EdgeSnapshot& snapshot) const {
    std::deque<std::string> lines;
    const bool as_delta = takes_deltas_ && (sent_ || entries(snapshot) > k_edge_whole_entries_max);
    if (as_delta) {
        const auto delta = diff(sent_ ? *sent_ : EdgeSnapshot{}, snapshot);
        auto packed = delta_lines(delta, k_edge_delta_bytes_max);
        // One that is long by itself.
        if (!packed) packed = delta_lines(delta, k_edge_line_bytes_max);
        if (packed) {
            std::ranges::move(*packed, std::back_inserter(lines));
        } else {
            log_error("edge.snapshot_too_large", {{"reason", packed.error().reason}});
        }
        return lines;
    }
    auto line = fmt::format("{{\"snapshot\":{}}}", to_json_text(snapshot));
    if (line.size() <= k_edge_line_bytes_max) {
        lines.push_back(std::move(line));
    } else {
        log_error("edge.snapshot_too_large",
                  {{"bytes", line.size()}, {"bytes_max", k_edge_line_bytes_max}});
    }
    return lines;
}

// Waits for the lines before to be out, so that at most one snapshot is on its way.
void EdgeSocketLink::Impl::send_snapshot() {
    if (connection_->channel.has_unsent() || !latest_) return;
    if (lines_.empty()) {
        if (sent_ == latest_) return;
        // Every edge greets; only then it is known how a long one may be said.
        if (!is_greeted_ && entries(*latest_) > k_edge_whole_entries_max) return;
        lines_ = lines_of(*latest_);
        if (lines_.empty()) return;
        sent_ = latest_;
    }
    const auto line = std::move(lines_.front());
    lines_.pop_front();
    if (auto status = connection_->channel.send_line(line); !status) return lose(status.error());
    write();
}

void EdgeSocketLink::Impl::write() {
    if (connection_->is_writing) return;
    const auto all_out = connection_->channel.write_some();
    if (!all_out) return lose(all_out.error());
    if (*all_out) return send_snapshot();
    connection_->is_writing = true;
    connection_->readiness.async_wait(asio::posix::stream_descriptor::wait_write,
                                      on_this_connection([](Impl& self) {
                                          self.connection_->is_writing = false;
                                          self.write();
                                      }));
}

template <typename Answer>
void EdgeSocketLink::Impl::ask(std::string_view what,
                               std::deque<std::function<void(Result<Answer>)>>& waiting,
                               std::function<void(Result<Answer>)> callback) {
    Status status;
    if (!connection_) {
        status = fail(ErrorCode::unavailable, "the edge is not there");
    } else if (waiting.size() == k_edge_metrics_requests_max) {
        status = fail(ErrorCode::refused,
                      fmt::format("too many requests for the edge's {} at once", what));
    } else {
        status = connection_->channel.send_line(fmt::format(R"({{"get":"{}"}})", what));
    }
    if (!status) {
        loop_.post(
            [callback = std::move(callback), error = status.error()] { callback(fail(error)); });
        return;
    }
    waiting.push_back(std::move(callback));
    write();
}

void EdgeSocketLink::Impl::request_metrics(std::function<void(Result<std::string>)> callback) {
    ask("metrics", metrics_, std::move(callback));
}

void EdgeSocketLink::Impl::request_routes(
    std::function<void(Result<std::vector<EdgeRouteReport>>)> callback) {
    ask("routes", routes_, std::move(callback));
}

void EdgeSocketLink::Impl::request_purge(const CachePurge& purge,
                                         std::function<void(Status)> callback) {
    Status status;
    if (!connection_) {
        status = fail(ErrorCode::unavailable, "the edge is not there");
    } else if (purges_.size() == k_edge_metrics_requests_max) {
        status = fail(ErrorCode::refused, "too many purges at once; try again");
    } else {
        status =
            connection_->channel.send_line(fmt::format("{{\"purge\":{}}}", to_json_text(purge)));
    }
    if (!status) {
        loop_.post([callback = std::move(callback), status] { callback(status); });
        return;
    }
    purges_.push_back(std::move(callback));
    write();
}

// Empty: it was done. Else why not.
Status EdgeSocketLink::Impl::handle_purged(const json::value& said) {
    if (!said.is_string() || purges_.empty()) {
        return fail(ErrorCode::invalid, "the edge tells of a purge that nobody asked for");
    }
    const auto callback = std::move(purges_.front());
    purges_.pop_front();
    const std::string reason(said.get_string());
    callback(reason.empty() ? Status() : fail(ErrorCode::invalid, reason));
    return {};
}

Status EdgeSocketLink::Impl::handle_routes(const json::value& said) {
    if (routes_.empty()) {
        return fail(ErrorCode::invalid, "the edge tells of routes that nobody asked for");
    }
    MOLN_ASSIGN(auto reports, from_json<std::vector<EdgeRouteReport>>(said, UnknownFields::ignore));
    const auto callback = std::move(routes_.front());
    routes_.pop_front();
    callback(std::move(reports));
    return {};
}

void EdgeSocketLink::Impl::offer(const EdgeListenOffer& offer, std::vector<Fd> sockets) {
    if (!connection_) return;
    const auto line = fmt::format("{{\"listener\":{}}}", to_json_text(offer));
    if (const auto sent = connection_->channel.send_line(line, std::move(sockets)); !sent) {
        log_failure("edge.offer_failed", sent.error());
        return;
    }
    write();
}

// Before the edge has told that it takes it, it waits in the options.
void EdgeSocketLink::Impl::tell_cache_peers(std::string line) {
    options_.cache_peers = std::move(line);
    if (!connection_) return;
    if (const auto sent = send_cache_peers(); !sent) lose(sent.error());
}

Status EdgeSocketLink::Impl::send_cache_peers() {
    if (!takes_cache_peers_ || options_.cache_peers.empty()) return {};
    MOLN_TRY(connection_->channel.send_line(options_.cache_peers));
    write();
    return {};
}

void EdgeSocketLink::Impl::watch_silence() {
    const auto silence = loop_.now().mono - heard_;
    if (silence >= options_.silence_max) {
        return lose(
            {ErrorCode::timeout, fmt::format("the edge said nothing for {} ms", silence.count)});
    }
    loop_.after({options_.silence_max.count - silence.count},
                on_this_connection([](Impl& self) { self.watch_silence(); }));
}

void EdgeSocketLink::Impl::give_up_questions() {
    const auto give_up = [this](auto& waiting) {
        for (auto& callback : std::exchange(waiting, {})) {
            loop_.post([callback = std::move(callback)] {
                callback(fail(ErrorCode::unavailable, "the edge was lost before it answered"));
            });
        }
    };
    give_up(metrics_);
    give_up(routes_);
    give_up(purges_);
}

void EdgeSocketLink::Impl::lose(const Error& error) {
    const LogFields fields{{"pid", connection_->pid}, {"reason", error.reason}};
    is_end_expected_ ? log_info("edge.left", fields) : log_warning("edge.lost", fields);
    connection_.reset();
    give_up_questions();
    retry();
    // Not from within publish(): its caller is in the middle of something.
    loop_.post([weak = weak_from_this()] {
        const auto self = weak.lock();
        if (self && self->report_) self->report_(nullptr);
    });
}

EdgeSocketLink::EdgeSocketLink(HostLoop& loop, EdgeSocketOptions options)
    : impl_(std::make_shared<Impl>(loop, std::move(options))) {
    loop.post([weak = std::weak_ptr(impl_)] {
        if (const auto impl = weak.lock()) impl->connect();
    });
}

EdgeSocketLink::~EdgeSocketLink() {
    impl_->give_up_questions();
}

void EdgeSocketLink::publish(std::shared_ptr<const EdgeSnapshot> snapshot) {
    impl_->publish(std::move(snapshot));
}

void EdgeSocketLink::on_report(std::function<void(const EdgeReport*)> callback) {
    impl_->on_report(std::move(callback));
}

void EdgeSocketLink::request_metrics(std::function<void(Result<std::string>)> callback) {
    impl_->request_metrics(std::move(callback));
}

void EdgeSocketLink::request_routes(
    std::function<void(Result<std::vector<EdgeRouteReport>>)> callback) {
    impl_->request_routes(std::move(callback));
}

std::optional<EdgeProcessCounts> EdgeSocketLink::counts() const {
    return impl_->counts();
}

void EdgeSocketLink::request_purge(const CachePurge& purge, std::function<void(Status)> callback) {
    impl_->request_purge(purge, std::move(callback));
}

void EdgeSocketLink::offer(const EdgeListenOffer& offer, std::vector<Fd> sockets) {
    impl_->offer(offer, std::move(sockets));
}

void EdgeSocketLink::tell_cache_peers(std::string line) {
    impl_->tell_cache_peers(std::move(line));
}

void EdgeSocketLink::expect_end() {
    impl_->expect_end();
}

pid_t EdgeSocketLink::peer_pid() const {
    return impl_->peer_pid();
}

}  // namespace moln
