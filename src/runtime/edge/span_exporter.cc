#include "runtime/edge/span_exporter.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <string>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "edge/collector.h"
#include "io/coding/encoder.h"
#include "io/file/files.h"
#include "runtime/edge/core.h"
#include "runtime/edge/say.h"

namespace moln::edge_loop {
namespace {

constexpr Milliseconds k_last_word{500};  // for the thread's own end, past that of the last batch
constexpr std::int64_t k_never_ms = INT64_MAX;

std::int64_t now() {
    return clock_now(Clock::mono_us) / 1000;
}

std::uint64_t fresh_dice() {
    std::uint64_t dice = 0;
    if (getrandom(&dice, sizeof dice, 0) != sizeof dice) dice = static_cast<std::uint64_t>(now());
    return dice;
}

// RFC 9562 5.4.
std::string fresh_uuid() {
    constexpr std::uint64_t k_version = 4;
    const std::uint64_t high = (fresh_dice() & ~0xf000ULL) | k_version << 12;
    const std::uint64_t low = (fresh_dice() & ~(3ULL << 62)) | 2ULL << 62;
    return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xffff,
                       high & 0xffff, low >> 48, low & 0xffff'ffff'ffff);
}

std::string host_name() {
    std::array<char, HOST_NAME_MAX + 1> name{};
    if (gethostname(name.data(), name.size() - 1) != 0) return "";
    return name.data();
}

Result<Secret> read_fields(const std::string& path) {
    MOLN_ASSIGN(const auto whole, read_secret_file(path, edge::k_collector_fields_bytes_max));
    auto fields = edge::collector_fields(whole.reveal());
    if (!fields) return fail_in(path, fields.error());
    return fields;
}

bool is_loopback(const std::string& host) {
    const auto literal = net::SocketAddress::from(host, 0);
    return literal && literal->loopback();
}

}  // namespace

Result<std::unique_ptr<SpanExporter>> SpanExporter::create(const TraceExport& options,
                                                           std::size_t workers) {
    auto collector = edge::parse_collector(options.url);
    if (!collector) return fail_in("--otlp", collector.error());
    client::Server server{.tls = collector->tls,
                          .host = collector->host,
                          .port = collector->port,
                          .authority = collector->authority(),
                          .path = collector->path,
                          .fields = {},
                          .ca_file = options.ca_file,
                          .answer_max = edge::k_collector_answer_bytes_max};
    if (!options.headers_file.empty()) {
        auto fields = read_fields(options.headers_file);
        if (!fields) return fail_in("--otlp-headers-file", fields.error());
        server.fields = std::move(*fields);
    }
    auto http = client::HttpClient::create(std::move(server));
    if (!http) return fail_in("--otlp-ca", http.error());
    MOLN_ASSIGN(auto wake, net::Wake::create());
    std::unique_ptr<SpanExporter> made(
        new SpanExporter(options, workers, std::move(wake), std::move(*http)));
    made->name_ = collector->authority();
    made->compress_ = !is_loopback(collector->host);
    return made;
}

SpanExporter::SpanExporter(const TraceExport& options, std::size_t workers, net::Wake wake,
                           client::HttpClient http)
    : options_(options),
      workers_(workers),
      port_(std::move(wake)),
      http_(std::move(http)),
      resource_{.instance = fresh_uuid(), .host = host_name(), .pid = getpid()},
      queue_(edge::k_span_queue_bytes_max) {}

SpanExporter::~SpanExporter() = default;

Tracer& SpanExporter::add_worker() {
    // Every worker has its share of the bound, and one at least.
    const auto share = std::max<std::size_t>(options_.spans_per_second / workers_, 1);
    tracers_.push_back(
        std::make_unique<Tracer>(port_, options_.sample, static_cast<std::uint32_t>(share)));
    return *tracers_.back();
}

void SpanExporter::start() {
    thread_ = std::jthread([this] {
        run();
        finished_.release();
    });
}

bool SpanExporter::finish() {
    if (!thread_.joinable()) return true;
    port_.stop.store(true);
    port_.wake.ring();
    const auto limit = edge::k_export_end_limit + k_last_word;
    if (!finished_.try_acquire_for(std::chrono::milliseconds(limit.count))) return false;
    thread_.join();
    return true;
}

void SpanExporter::add_to(edge::EdgeTotals& totals) const {
    for (const auto& tracer : tracers_) {
        totals.spans_total += tracer->made.get();
        totals.spans_over_limit_total += tracer->over_budget.get();
        totals.spans_dropped_total += tracer->ring.dropped();
    }
    totals.spans_dropped_total += lost_.load() + queue_dropped_.load();
    totals.spans_exported_total += exported_.load();
    totals.span_export_failures_total += failures_.load();
}

// ---- the thread ---------------------------------------------------------------------------------

void SpanExporter::run() {
    while (!port_.stop.load()) {
        const std::int64_t now_ms = now();
        if (port_.pressing.load() || (collect_ms_ >= 0 && now_ms >= collect_ms_)) collect();
        if (now_ms >= next_ms_ && take_batch()) send();
        rest();
    }
    // Each is tried once more, whatever pause the collector was to have.
    if (end_ms_ < 0) end_ms_ = now() + edge::k_export_end_limit.count;
    collect();
    while (take_batch()) {
        send();
        if (batch_) break;
    }
    if (batch_) lose(batch_->count);
    while (const auto left = queue_.take()) lose(left->count);
}

bool SpanExporter::take_batch() {
    if (!batch_) {
        batch_ = queue_.take();
        batch_begun_ms_ = now();
    }
    return batch_.has_value();
}

void SpanExporter::collect() {
    collect_ms_ = -1;
    // Taken, not only overwritten: what a worker committed before it said so is seen below.
    (void)port_.waiting.exchange(false);
    (void)port_.pressing.exchange(false);
    for (const auto& tracer : tracers_) {
        LogRing& ring = tracer->ring;
        for (auto text = ring.peek(); !text.empty(); text = ring.peek()) {
            queue_.add(text);
            ring.release(text.size());
        }
    }
    queue_dropped_.store(queue_.dropped());
}

void SpanExporter::send() {
    try_until_ms_ = now() + edge::k_export_limit.count;
    auto body = edge::request_body(resource_, *batch_);
    client::Content content{.type = "application/json", .body = body};
    std::optional<std::string> packed;
    if (compress_) packed = coding::encode(ContentCoding::gzip, coding::Effort::quick, body);
    if (packed) {
        content.coding = "gzip";
        content.body = *packed;
    }
    settle(http_.post(content, *this));
}

void SpanExporter::settle(const Result<client::Answer>& answer) {
    const std::uint16_t status = answer ? answer->status : 0;
    const auto verdict = edge::export_verdict(status);
    if (verdict == edge::ExportVerdict::taken) {
        const auto rejected = std::min(edge::rejected_spans(answer->body), batch_->count);
        exported_ += batch_->count - rejected;
        lost_ += rejected;
        batch_.reset();
        pace_.after_success();
        complained_ = false;
        return;
    }
    ++failures_;
    complain(answer ? fmt::format("it answered {}", status) : answer.error().reason);
    if (verdict == edge::ExportVerdict::lost) return lose(batch_->count);
    const std::int64_t now_ms = now();
    const auto asked =
        answer ? edge::retry_after(answer->retry_after, {clock_now(Clock::wall_ms)}) : std::nullopt;
    next_ms_ = pace_.after_failure({now_ms}, fresh_dice(), asked).ms;
    if (now_ms - batch_begun_ms_ >= edge::k_export_batch_limit.count) lose(batch_->count);
}

void SpanExporter::lose(std::int64_t spans) {
    lost_ += spans;
    batch_.reset();
}

// Once for each time that it begins to go wrong. An answer's text is not repeated: it may tell what
// was sent.
void SpanExporter::complain(std::string_view why) {
    if (std::exchange(complained_, true)) return;
    say("spans_not_exported", "collector={} reason={}", name_, why);
}

void SpanExporter::rest() {
    const std::int64_t now_ms = now();
    // Looked at here, as wait() may have taken the ring that told of them.
    if (port_.waiting.load() && collect_ms_ < 0) {
        collect_ms_ = now_ms + edge::k_span_batch_pause.count;
    }
    if (port_.stop.load() || port_.pressing.load()) return;
    std::int64_t until_ms = k_never_ms;
    if (collect_ms_ >= 0) until_ms = collect_ms_;
    if (batch_ || !queue_.empty()) until_ms = std::min(until_ms, next_ms_);
    if (until_ms <= now_ms) return;
    pollfd watched{.fd = port_.wake.fd(), .events = POLLIN, .revents = 0};
    const auto pause = std::min<std::int64_t>(until_ms - now_ms, 60'000);
    (void)::poll(&watched, 1, static_cast<int>(pause));
    port_.wake.clear();
}

// Of an exchange with the collector, while the rings fill.
bool SpanExporter::wait(int fd, short events) {
    for (;;) {
        const std::int64_t now_ms = now();
        if (port_.stop.load() && end_ms_ < 0) end_ms_ = now_ms + edge::k_export_end_limit.count;
        if (port_.pressing.load()) collect();
        const auto until_ms = end_ms_ < 0 ? try_until_ms_ : std::min(try_until_ms_, end_ms_);
        if (now_ms >= until_ms) return false;
        std::array<pollfd, 2> watched = {{{.fd = fd, .events = events, .revents = 0},
                                          {.fd = port_.wake.fd(), .events = POLLIN, .revents = 0}}};
        const int ready =
            ::poll(watched.data(), watched.size(), static_cast<int>(until_ms - now_ms));
        if (ready < 0 && errno != EINTR) return false;
        if (ready <= 0) continue;
        if (watched[1].revents != 0) port_.wake.clear();
        if (watched[0].revents != 0) return true;
    }
}

}  // namespace moln::edge_loop
