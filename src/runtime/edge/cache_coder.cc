#include "runtime/edge/cache_coder.h"

#include <optional>
#include <string>
#include <utility>

#include "edge/cache/compressing.h"
#include "edge/limits.h"
#include "io/coding/encoder.h"
#include "runtime/edge/body_source.h"
#include "runtime/edge/cache_store.h"

namespace moln::edge_loop {
namespace {

constexpr std::size_t k_piece = 256u << 10;

// Nothing: it would be longer than `bytes_max`, there was no memory, or it cannot be read.
std::optional<std::string> compressed(ContentCoding coding, const CacheBody& body,
                                      std::uint64_t bytes_max) {
    const auto encoder = coding::Encoder::make(coding, coding::Effort::kept);
    if (!encoder) return std::nullopt;
    std::string out;
    BodySource source(body);
    for (;;) {
        const auto piece = source.next(k_piece);
        if (!piece) return std::nullopt;
        const auto next = piece->empty() ? coding::Next::end : coding::Next::more;
        if (!encoder->encode(*piece, next, out) || out.size() > bytes_max) return std::nullopt;
        if (piece->empty()) return out;
    }
}

}  // namespace

void CacheCoder::start() {
    for (std::size_t i = 0; i < edge::k_cache_compress_threads; ++i) {
        threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
    }
}

void CacheCoder::want(std::uint64_t hash, const std::shared_ptr<const CachedResponse>& response,
                      ContentCoding coding) {
    if (!response->coded->claim(coding)) return;
    const std::uint64_t bytes = response->body->seen().bytes;
    {
        const std::lock_guard lock(mutex_);
        const bool fits = jobs_.size() < edge::k_cache_compress_waiting_max &&
                          waiting_bytes_ + bytes <= edge::k_cache_compress_waiting_bytes_max;
        if (!fits) {
            response->coded->release(coding);
            return;
        }
        waiting_bytes_ += bytes;
        jobs_.push_back({.hash = hash, .response = response, .coding = coding, .bytes = bytes});
    }
    news_.notify_one();
}

void CacheCoder::work(const std::stop_token& stop) {
    for (;;) {
        Job job;
        {
            std::unique_lock lock(mutex_);
            if (!news_.wait(lock, stop, [this] { return !jobs_.empty(); })) return;
            if (stop.stop_requested()) return;
            job = std::move(jobs_.front());
            jobs_.pop_front();
            waiting_bytes_ -= job.bytes;
        }
        compress_one(job);
    }
}

void CacheCoder::compress_one(const Job& job) {
    CodedForms& forms = *job.response->coded;
    const auto text =
        compressed(job.coding, *job.response->body, edge::compressed_bytes_max(job.bytes));
    if (!text) {
        forms.refuse(job.coding);
        return;
    }
    auto body = std::make_unique<CacheBody>(text->size());
    if (!body->append(*text)) {
        forms.release(job.coding);
        return;
    }
    body->end(CacheBody::State::complete);
    forms.put(job.coding, std::move(body));
    store_.recount(job.hash, forms);
}

}  // namespace moln::edge_loop
