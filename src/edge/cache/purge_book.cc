#include "edge/cache/purge_book.h"

#include <algorithm>

namespace moln::edge {
namespace {

class Hash {
public:
    explicit Hash(PurgeScope scope) : of_url_(scope == PurgeScope::url) {
        byte(static_cast<unsigned char>(scope));
    }
    void text(std::string_view text) {
        for (const char c : text) byte(static_cast<unsigned char>(c));
    }
    // Separates two texts: no text has it.
    void end() { byte(0); }
    PurgeMark mark() const {
        const std::uint64_t mixed = value_ ^ (value_ >> 29);
        const auto spread = static_cast<PurgeMark>((mixed * 0x9e37'79b9'7f4a'7c15u) >> 32);
        const PurgeMark placed = of_url_ ? spread | k_url_half : spread & ~k_url_half;
        return placed >> 16 == 0 ? placed | 0x1'0000u : placed;
    }

private:
    static constexpr PurgeMark k_url_half = k_purge_slots / 2;

    void byte(unsigned char c) { value_ = (value_ ^ c) * 0x100'0000'01b3u; }  // FNV-1a
    bool of_url_;
    std::uint64_t value_ = 0xcbf2'9ce4'8422'2325u;
};

// What either value purged is purged, as of the later. Returns what is there now.
std::uint64_t raise(std::atomic<std::uint64_t>& slot, std::uint64_t value) {
    std::uint64_t before = slot.load(std::memory_order_relaxed);
    for (;;) {
        const bool alone = before == 0 || (before & 0xffff) == (value & 0xffff);
        const std::uint64_t later = std::max(before, value);
        const std::uint64_t both = alone ? later : later >> 16 << 16;
        if (slot.compare_exchange_weak(before, both)) return both;
    }
}

}  // namespace

PurgeMark purge_mark(PurgeScope scope, std::string_view owner, std::string_view name) {
    Hash hash(scope);
    hash.text(owner);
    hash.end();
    hash.text(name);
    return hash.mark();
}

std::string_view project_part(std::string_view app) {
    return app.substr(0, app.find('/'));
}

std::size_t path_depth(std::string_view path) {
    while (path.ends_with('/')) path.remove_suffix(1);
    return static_cast<std::size_t>(std::ranges::count(path, '/'));
}

PurgeMarks purge_marks(const PurgeSubject& subject) {
    PurgeMarks out;
    out.add(purge_mark(PurgeScope::project, {}, project_part(subject.app)));
    out.add(purge_mark(PurgeScope::app, {}, subject.app));
    Hash url(PurgeScope::url);
    url.end();
    url.text(subject.host);
    url.text(subject.path);
    if (subject.has_query) {
        url.text("?");
        url.text(subject.query);
    }
    out.add(url.mark());
    // "host", "host/a", "host/a/b": each is the one before and a segment more.
    Hash path(PurgeScope::path);
    path.end();
    path.text(subject.host);
    out.add(path.mark());
    std::string_view rest = subject.path;
    while (rest.ends_with('/')) rest.remove_suffix(1);
    for (std::size_t depth = 0; !rest.empty() && depth < k_purge_depth_max; ++depth) {
        const std::size_t next = std::min(rest.find('/', 1), rest.size());
        path.text(rest.substr(0, next));
        rest.remove_prefix(next);
        out.add(path.mark());
    }
    return out;
}

// The slot is written before the generation: who reads the new generation sees the slot, and who
// was born under the old one is older than the slot. Was it another's purge that ended that
// generation, the slot is written once more: somebody may have been born since.
PurgeSlot PurgeBook::purge(PurgeMark mark) {
    auto& slot = table_->slots[mark & 0xffff];
    std::uint64_t before = generation();
    for (;;) {
        const std::uint64_t value = raise(slot, (before + 1) << 16 | mark >> 16);
        if (table_->generation.compare_exchange_strong(before, before + 1)) {
            return {.number = mark & 0xffff, .value = value};
        }
    }
}

void PurgeBook::restore(const PurgeSlot& slot) {
    (void)raise(table_->slots[slot.number], slot.value);
    std::uint64_t before = generation();
    while (before < slot.generation() &&
           !table_->generation.compare_exchange_weak(before, slot.generation())) {
    }
}

std::vector<PurgeSlot> PurgeBook::slots(std::uint64_t after) const {
    std::vector<PurgeSlot> out;
    for (std::uint32_t i = 0; i < k_purge_slots; ++i) {
        const PurgeSlot slot{.number = i,
                             .value = table_->slots[i].load(std::memory_order_acquire)};
        if (slot.generation() > after) out.push_back(slot);
    }
    return out;
}

bool PurgeBook::is_purged(std::span<const PurgeMark> marks, std::uint64_t born) const {
    return std::ranges::any_of(marks, [&](PurgeMark mark) {
        const std::uint64_t slot = table_->slots[mark & 0xffff].load(std::memory_order_acquire);
        const std::uint64_t fingerprint = slot & 0xffff;
        return slot >> 16 > born && (fingerprint == 0 || fingerprint == mark >> 16);
    });
}

}  // namespace moln::edge
