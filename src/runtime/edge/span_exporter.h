// Sends the workers' spans to a collector, by OTLP over HTTP with JSON. One thread of the edge's
// own: the workers, whose rings it empties, never wait for it. What the collector does not take in
// time is dropped and counted.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <semaphore>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "edge/export_pace.h"
#include "edge/metrics_text.h"
#include "edge/span_queue.h"
#include "io/client/http_client.h"
#include "model/trace_export.h"
#include "runtime/edge/tracer.h"

namespace moln::edge_loop {

class SpanExporter final : client::Patience {
public:
    // Reads the files that the options name, so it comes before privileges are dropped. `invalid`
    // names the option, what is wrong and the way out.
    static Result<std::unique_ptr<SpanExporter>> create(const TraceExport& options,
                                                        std::size_t workers);
    ~SpanExporter() override;

    // One for each worker, before start(); it lives as long as this.
    Tracer& add_worker();

    void start();
    // All that the workers made goes out, as far as k_export_end_limit lets it. The workers have
    // ended. False: the thread hangs in the host's resolver; nothing of this may be destroyed.
    bool finish();

    // Any thread.
    void add_to(edge::EdgeTotals& totals) const;

private:
    SpanExporter(const TraceExport& options, std::size_t workers, net::Wake wake,
                 client::HttpClient http);

    bool wait(int fd, short events) override;
    void run();
    bool take_batch();
    void collect();
    void send();
    void settle(const Result<client::Answer>& answer);
    void lose(std::int64_t spans);
    void complain(std::string_view why);
    void rest();

    TraceExport options_;
    std::size_t workers_;
    SpanPort port_;
    client::HttpClient http_;
    edge::SpanResource resource_;
    std::string name_;       // of the collector, for the log
    bool compress_ = false;  // not over loopback
    std::vector<std::unique_ptr<Tracer>> tracers_;
    edge::SpanQueue queue_;
    edge::ExportPace pace_;
    std::optional<edge::SpanBatch> batch_;  // that is to be sent
    std::int64_t batch_begun_ms_ = 0;       // when it was first tried
    std::int64_t next_ms_ = 0;              // nothing is sent before
    std::int64_t collect_ms_ = -1;          // when the rings are emptied; -1: they are empty
    std::int64_t try_until_ms_ = 0;
    std::int64_t end_ms_ = -1;  // when all is over; -1: it goes on
    bool complained_ = false;
    std::atomic<std::int64_t> exported_ = 0;
    std::atomic<std::int64_t> lost_ = 0;
    std::atomic<std::int64_t> queue_dropped_ = 0;
    std::atomic<std::int64_t> failures_ = 0;
    std::binary_semaphore finished_{0};
    std::jthread thread_;
};

}  // namespace moln::edge_loop
