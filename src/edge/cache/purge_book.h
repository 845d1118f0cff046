// Which stored responses are no longer to be used because somebody said so: by URL, by a path and
// all below it, by tag, by app, by project. A purge costs the same however much is stored, and it
// holds at once for what is being fetched at that moment.
//
// A response bears the generation in which it was asked for, and a mark for everything by which it
// can be purged. A purge raises the generation and writes it into the slot of its mark, with a
// fingerprint: who is older than the slot of one of its marks, and of that fingerprint, is purged.
// A slot that two different purges have met holds for every fingerprint from then on: that costs a
// fetch now and then and is never wrong. URLs have half of the slots to themselves: requests that
// change ever other ones purge them without end, and are to take no whole app or host along.
//
// Any thread reads and purges, of any process that shares the table.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace moln::edge {

inline constexpr std::size_t k_purge_slots = 1u << 16;  // half a MiB, all there ever is
inline constexpr std::size_t k_purge_depth_max =
    24;  // segments of a path that is purged with all below
inline constexpr std::size_t k_cache_tags_max = 64;  // of one response; more: none is stored
inline constexpr std::size_t k_purge_marks_max = k_purge_depth_max + k_cache_tags_max + 4;

using PurgeMark = std::uint32_t;  // lower half: the slot; upper half: the fingerprint, never 0

enum class PurgeScope : std::uint8_t { project, app, url, path, tag };

// `owner` is the project of a tag (tags of two projects are never the same) and empty otherwise.
// A url is "host/path?query", a path "host/path" without a slash at its end; both normalised.
PurgeMark purge_mark(PurgeScope scope, std::string_view owner, std::string_view name);

class PurgeMarks {
public:
    // No more than k_purge_marks_max.
    void add(PurgeMark mark) { marks_[count_++] = mark; }
    std::span<const PurgeMark> view() const { return {marks_.data(), count_}; }

private:
    std::array<PurgeMark, k_purge_marks_max> marks_;
    std::size_t count_ = 0;
};

// All that a URL is found by: itself, its host and the paths above it as far as k_purge_depth_max.
// `app` is "project/name". The path is normalised; `query` without '?'.
struct PurgeSubject {
    std::string_view app;
    std::string_view host;
    std::string_view path;
    std::string_view query;
    bool has_query = false;
};
PurgeMarks purge_marks(const PurgeSubject& subject);
// The project of "project/name".
std::string_view project_part(std::string_view app);
// The name by which a path purges itself and all below it: "host/a/b" of "/a/b/".
// Empty: deeper than k_purge_depth_max.
std::size_t path_depth(std::string_view path);

// One slot of the book as it stands: 48 bits generation, 16 fingerprint.
struct PurgeSlot {
    std::uint32_t number = 0;
    std::uint64_t value = 0;
    std::uint64_t generation() const { return value >> 16; }
    friend bool operator==(const PurgeSlot&, const PurgeSlot&) = default;
};

// What a book is written in. Of numbers alone, each whole at any moment, so that processes may
// share it: a purge at one holds at once at all.
struct PurgeTable {
    static constexpr std::uint64_t k_layout = 1;  // of who shares it, all have the same
    std::uint64_t layout = k_layout;
    std::atomic<std::uint64_t> generation = 1;
    std::array<std::atomic<std::uint64_t>, k_purge_slots> slots{};  // as in PurgeSlot
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

class PurgeBook {
public:
    PurgeBook() : PurgeBook(std::make_shared<PurgeTable>()) {}
    explicit PurgeBook(std::shared_ptr<PurgeTable> table) : table_(std::move(table)) {}

    // What is asked for from now on bears this.
    std::uint64_t generation() const { return table_->generation.load(std::memory_order_acquire); }
    // The slot as it is left.
    PurgeSlot purge(PurgeMark mark);
    // A slot of a book that was kept: what either of the two purged is purged, as of the later, and
    // the generation is not below it.
    void restore(const PurgeSlot& slot);
    // All slots that were purged after that generation.
    std::vector<PurgeSlot> slots(std::uint64_t after = 0) const;
    // Was one of the marks purged after `born`?
    bool is_purged(std::span<const PurgeMark> marks, std::uint64_t born) const;

private:
    std::shared_ptr<PurgeTable> table_;
};

}  // namespace moln::edge
