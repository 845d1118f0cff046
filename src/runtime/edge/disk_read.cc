#include "runtime/edge/disk_read.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <string>
#include <vector>

#include <sys/uio.h>

#include "edge/cache/disk_record.h"
#include "edge/limits.h"

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

// Where a chunk is read to.
class ChunkRoom {
public:
    virtual std::span<char> room(std::size_t size) = 0;  // shorter: there is no memory
    virtual void keep(std::size_t size) = 0;             // it is as it was written

protected:
    ~ChunkRoom() = default;
};

class IntoMemory final : public ChunkRoom {
public:
    explicit IntoMemory(CacheBody& body) : body_(body) {}
    std::span<char> room(std::size_t size) override {
        const auto room = body_.room();
        return room.first(std::min(room.size(), size));
    }
    void keep(std::size_t size) override { body_.commit(size); }

private:
    CacheBody& body_;
};

// What is only looked at.
class OverAgain final : public ChunkRoom {
public:
    std::span<char> room(std::size_t size) override {
        thread_local std::vector<char> room(edge::k_disk_chunk);
        return std::span(room).first(size);
    }
    void keep(std::size_t) override {}
};

class Reader {
public:
    Reader(const Fd& file, const edge::DiskPlace& place, Patience patience)
        : file_(file),
          place_(place),
          patience_(patience),
          chunks_(edge::disk_chunks(place.body_bytes)),
          head_bytes_(place.head_units * edge::k_disk_unit),
          head_at_(std::uint64_t{place.at} * edge::k_disk_unit) {}

    std::uint64_t body_at() const { return head_at_ + head_bytes_; }

    // The head and, with it, the body if it is one chunk: one call for most responses.
    DiskRead begin(std::string& head, ChunkRoom& chunks) {
        head.resize(head_bytes_);
        checks_.resize(static_cast<std::size_t>(chunks_) * edge::k_disk_check_bytes);
        std::array<iovec, 3> pieces;
        pieces[0] = {.iov_base = head.data(), .iov_len = head.size()};
        std::size_t used = 1;
        if (chunks_ == 1) {
            chunk_ = chunks.room(place_.body_bytes);
            if (chunk_.size() < place_.body_bytes) return DiskRead::failed;
            pieces[used++] = {.iov_base = chunk_.data(), .iov_len = chunk_.size()};
            pieces[used++] = {.iov_base = checks_.data(), .iov_len = checks_.size()};
        }
        return read_pieces(file_, head_at_, std::span(pieces).first(used), patience_);
    }
    // What the head was found to be tells what its chunks must be.
    DiskRead finish(std::uint64_t head_check, ChunkRoom& chunks) {
        if (chunks_ > 1) {
            const auto got = read(checks_, body_at() + place_.body_bytes);
            if (got != DiskRead::read) return got;
        }
        for (std::uint64_t i = 0; i < chunks_; ++i) {
            if (chunks_ > 1) {
                const std::size_t size = edge::disk_chunk_bytes(place_.body_bytes, i);
                chunk_ = chunks.room(size);
                if (chunk_.size() < size) return DiskRead::failed;
                const auto got = read(chunk_, body_at() + i * edge::k_disk_chunk);
                if (got != DiskRead::read) return got;
            }
            const auto check = std::string_view(checks_).substr(i * edge::k_disk_check_bytes);
            const auto wanted =
                edge::disk_chunk_check({chunk_.data(), chunk_.size()}, head_check, i);
            if (edge::read_disk_check(check) != wanted) return DiskRead::damaged;
            chunks.keep(chunk_.size());
        }
        return DiskRead::read;
    }

private:
    DiskRead read(std::span<char> out, std::uint64_t at) {
        iovec piece{.iov_base = out.data(), .iov_len = out.size()};
        return read_pieces(file_, at, {&piece, 1}, patience_);
    }

    const Fd& file_;
    const edge::DiskPlace& place_;
    Patience patience_;
    std::uint64_t chunks_;
    std::size_t head_bytes_;
    std::uint64_t head_at_;
    std::span<char> chunk_;
    std::string checks_;
};

}  // namespace

DiskRead read_disk_response(const std::shared_ptr<const SharedFile>& file,
                            const edge::DiskPlace& place, std::uint64_t epoch, const DiskWish& wish,
                            Patience patience, std::shared_ptr<CachedResponse>& out) {
    const bool stays = place.body_bytes >= edge::k_disk_large_body;
    // To look at all of it is work for who may take its time.
    if (patience == Patience::none && place.body_bytes > edge::k_cache_disk_inline_max) {
        return DiskRead::would_block;
    }
    thread_local std::string bytes;
    Reader reader(file->fd, place, patience);
    auto body = stays ? std::make_shared<CacheBody>(FileExtent{
                            .file = file, .at = reader.body_at(), .bytes = place.body_bytes})
                      : std::make_shared<CacheBody>(place.body_bytes);
    IntoMemory into_memory(*body);
    OverAgain over_again;
    ChunkRoom& room = stays ? static_cast<ChunkRoom&>(over_again) : into_memory;
    const auto begun = reader.begin(bytes, room);
    if (begun != DiskRead::read) return begun;
    auto head = edge::read_disk_head(bytes, epoch);
    if (!head || head->bytes != bytes.size() || head->stamp.body_bytes != place.body_bytes)
        return DiskRead::damaged;
    const bool wanted = !head->forgotten && head->key == wish.key &&
                        head->stamp.scope == wish.scope &&
                        head->stamp.came.ms <= wish.now.ms + k_clock_slack_ms;
    if (!wanted) return DiskRead::other;
    if (const auto got = reader.finish(head->check, room); got != DiskRead::read) return got;
    if (!stays) body->end(CacheBody::State::complete);
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
