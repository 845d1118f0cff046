#include "runtime/edge/disk_read.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <string>

#include <sys/uio.h>

#include "edge/cache/disk_record.h"

namespace moln::edge_loop {
namespace {

// A clock that was set back by more than this since the response came: its age is not known.
constexpr std::int64_t k_clock_slack_ms = 5'000;

// All of it, or why not.
DiskRead read_pieces(const Fd& file, std::uint64_t at, std::span<iovec> pieces, Patience patience) {
    const int flags = patience == Patience::none ? RWF_NOWAIT : 0;
    while (!pieces.empty()) {
        const ssize_t got = ::preadv2(file.get(), pieces.data(), static_cast<int>(pieces.size()),
                                      static_cast<off_t>(at), flags);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            const bool cannot_tell = errno == EAGAIN || errno == EOPNOTSUPP;
            return patience == Patience::none && cannot_tell ? DiskRead::would_block
                                                             : DiskRead::failed;
        }
        if (got == 0) return DiskRead::damaged;  // the file ends
        at += static_cast<std::uint64_t>(got);
        auto left = static_cast<std::size_t>(got);
        while (left > 0) {
            iovec& first = pieces.front();
            const std::size_t step = std::min(left, first.iov_len);
            first.iov_base = static_cast<char*>(first.iov_base) + step;
            first.iov_len -= step;
            left -= step;
            if (first.iov_len == 0) pieces = pieces.subspan(1);
        }
        while (!pieces.empty() && pieces.front().iov_len == 0) pieces = pieces.subspan(1);
        // The rest is not in memory.
        if (!pieces.empty() && patience == Patience::none) return DiskRead::would_block;
    }
    return DiskRead::read;
}

class Reader {
public:
    Reader(const Fd& file, const edge::DiskPlace& place, Patience patience)
        : file_(file),
          place_(place),
          patience_(patience),
          head_bytes_(place.head_units * edge::k_disk_unit),
          body_at_(place.at * edge::k_disk_unit + head_bytes_) {}

    // The head and, with it, the first chunk: one call for most responses.
    DiskRead begin(std::string& head, CacheBody& body) {
        head.resize(head_bytes_);
        std::array<iovec, 3> pieces;
        pieces[0] = {.iov_base = head.data(), .iov_len = head.size()};
        return read_chunk(body, 0, pieces, 1, place_.at * edge::k_disk_unit);
    }
    // What the head was found to be tells what its chunks must be.
    DiskRead finish(std::uint64_t head_check, CacheBody& body) {
        const std::uint64_t chunks = edge::disk_chunks(place_.body_bytes);
        for (std::uint64_t i = 0; i < chunks; ++i) {
            if (i > 0) {
                std::array<iovec, 2> pieces;
                const auto got = read_chunk(body, i, pieces, 0, body_at_ + edge::disk_chunk_at(i));
                if (got != DiskRead::read) return got;
            }
            const std::string_view chunk(chunk_.data(), chunk_.size());
            const auto wanted = edge::disk_chunk_check(chunk, head_check, i);
            if (edge::read_disk_check({check_.data(), check_.size()}) != wanted)
                return DiskRead::damaged;
            body.commit(chunk.size());
        }
        return DiskRead::read;
    }

private:
    // pieces[used] and [used + 1] are for the chunk and its check.
    DiskRead read_chunk(CacheBody& body, std::uint64_t number, std::span<iovec> pieces,
                        std::size_t used, std::uint64_t at) {
        if (place_.body_bytes > 0) {
            const std::size_t size = edge::disk_chunk_bytes(place_.body_bytes, number);
            chunk_ = body.room();
            if (chunk_.size() < size) return DiskRead::failed;  // no memory
            chunk_ = chunk_.first(size);
            pieces[used++] = {.iov_base = chunk_.data(), .iov_len = chunk_.size()};
            pieces[used++] = {.iov_base = check_.data(), .iov_len = check_.size()};
        }
        return read_pieces(file_, at, pieces.first(used), patience_);
    }

    const Fd& file_;
    const edge::DiskPlace& place_;
    Patience patience_;
    std::size_t head_bytes_;
    std::uint64_t body_at_;
    std::span<char> chunk_;
    std::array<char, edge::k_disk_check_bytes> check_{};
};

}  // namespace

DiskRead read_disk_response(const Fd& file, const edge::DiskPlace& place, std::uint64_t epoch,
                            const DiskWish& wish, Patience patience,
                            std::shared_ptr<CachedResponse>& out) {
    thread_local std::string bytes;
    auto body = std::make_shared<CacheBody>(place.body_bytes);
    Reader reader(file, place, patience);
    if (const auto got = reader.begin(bytes, *body); got != DiskRead::read) return got;
    auto head = edge::read_disk_head(bytes, epoch);
    if (!head || head->bytes != bytes.size() || head->stamp.body_bytes != place.body_bytes)
        return DiskRead::damaged;
    const bool wanted = head->key == wish.key && head->stamp.scope == wish.scope &&
                        head->stamp.came.ms <= wish.now.ms + k_clock_slack_ms;
    if (!wanted) return DiskRead::other;
    if (const auto got = reader.finish(head->check, *body); got != DiskRead::read) return got;
    body->end(CacheBody::State::complete);
    out = std::make_shared<CachedResponse>();
    out->scope = head->stamp.scope;
    out->head = std::move(head->head);
    out->freshness = head->stamp.freshness;
    out->came = head->stamp.came;
    out->came_ms = wish.now_ms - std::max<std::int64_t>(wish.now.ms - head->stamp.came.ms, 0);
    out->born = head->stamp.born;
    out->marks = std::move(head->marks);
    out->vary_names = std::move(head->vary_names);
    out->vary_key = std::move(head->vary_key);
    out->body = std::move(body);
    if (head->stamp.compresses) out->coded = std::make_shared<CodedForms>();
    return DiskRead::read;
}

}  // namespace moln::edge_loop
