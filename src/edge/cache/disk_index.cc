#include "edge/cache/disk_index.h"

#include <utility>

namespace moln::edge {
namespace {

constexpr std::size_t k_slots_first = 16;

bool same_place(const DiskPlace& a, const DiskPlace& b) {
    return a.hash == b.hash && a.segment == b.segment && a.at == b.at;
}

}  // namespace

void DiskIndex::insert(const DiskPlace& place) {
    std::size_t i = home(place.hash);
    while (slots_[i].segment != 0) i = next(i);
    slots_[i] = place;
}

void DiskIndex::grow() {
    std::vector<DiskPlace> before = std::exchange(slots_, {});
    slots_.resize(before.empty() ? k_slots_first : before.size() * 2);
    for (const DiskPlace& place : before) {
        if (place.segment != 0) insert(place);
    }
}

std::size_t DiskIndex::put(const DiskPlace& place) {
    std::size_t gone = 0;
    if (!slots_.empty()) {
        for (std::size_t i = home(place.hash); slots_[i].segment != 0;) {
            const DiskPlace& other = slots_[i];
            const bool goes = other.hash == place.hash &&
                              (other.names != place.names || other.vary == place.vary);
            if (goes) {
                close(i);  // something else may stand here now
                ++gone;
            } else {
                i = next(i);
            }
        }
    }
    if ((size_ + 1) * 8 > slots_.size() * 7) grow();
    insert(place);
    ++size_;
    return gone;
}

void DiskIndex::touch(const DiskPlace& place) {
    if (slots_.empty()) return;
    for (std::size_t i = home(place.hash); slots_[i].segment != 0; i = next(i)) {
        if (!same_place(slots_[i], place)) continue;
        if (slots_[i].uses < k_uses_max) ++slots_[i].uses;
        return;
    }
}

// What follows without a gap moves back, unless it would come before its home.
void DiskIndex::close(std::size_t slot) {
    --size_;
    std::size_t hole = slot;
    for (std::size_t i = next(slot); slots_[i].segment != 0; i = next(i)) {
        const std::size_t wanted = home(slots_[i].hash);
        const std::size_t mask = slots_.size() - 1;
        if (((i - wanted) & mask) < ((i - hole) & mask)) continue;
        slots_[hole] = slots_[i];
        hole = i;
    }
    slots_[hole] = {};
}

bool DiskIndex::remove(const DiskPlace& place) {
    if (slots_.empty()) return false;
    for (std::size_t i = home(place.hash); slots_[i].segment != 0; i = next(i)) {
        if (!same_place(slots_[i], place)) continue;
        close(i);
        return true;
    }
    return false;
}

std::size_t DiskIndex::remove_all(std::uint64_t hash) {
    std::size_t gone = 0;
    if (slots_.empty()) return gone;
    for (std::size_t i = home(hash); slots_[i].segment != 0;) {
        if (slots_[i].hash == hash) {
            close(i);
            ++gone;
        } else {
            i = next(i);
        }
    }
    return gone;
}

}  // namespace moln::edge
