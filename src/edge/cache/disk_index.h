// Where in the log each response lies: a table in memory, by the hash of its URL. One part of it:
// who has many threads keeps many, each under a lock.
//
// 32 bytes a place, and the table is between 7/16 and 7/8 full once it has grown: 37 to 73 bytes an
// object. Open addressing, a removed place is closed by moving back what follows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace moln::edge {

struct DiskPlace {
    std::uint64_t hash = 0;     // of the URL's key; its lower half chooses the slot
    std::uint32_t segment = 0;  // from 1
    std::uint32_t at = 0;       // in the segment, in units of k_disk_unit
    std::uint32_t body_bytes = 0;
    std::uint32_t vary = 0;        // hash of the vary key
    std::uint16_t head_units = 0;  // the head's size in units of k_disk_unit
    std::uint16_t names = 0;       // number of the list of names in Vary; 0: none
    std::uint8_t uses = 0;         // hits since it was written
    friend bool operator==(const DiskPlace&, const DiskPlace&) = default;
};
static_assert(sizeof(DiskPlace) == 32);

class DiskIndex {
public:
    static constexpr std::uint8_t k_uses_max = 3;

    std::size_t size() const { return size_; }
    std::size_t memory_bytes() const { return slots_.capacity() * sizeof(DiskPlace); }

    // Takes the place of the one with equal hash, names and vary; of a URL's places those that vary
    // by other names go: they cannot be told from this one. How many went.
    std::size_t put(const DiskPlace& place);
    // Visits all of one hash.
    template <typename Visit>
    void find(std::uint64_t hash, Visit&& visit) const {
        if (slots_.empty()) return;
        for (std::size_t i = home(hash); slots_[i].segment != 0; i = next(i)) {
            if (slots_[i].hash == hash) visit(slots_[i]);
        }
    }
    // One hit more, if it is there still.
    void touch(const DiskPlace& place);
    // False: it is not there, or something else is at its hash by now.
    bool remove(const DiskPlace& place);
    // All of one hash; how many.
    std::size_t remove_all(std::uint64_t hash);
    // All of which goes(place) is true; how many. Put together anew: closing them one by one would
    // move the others again and again.
    template <typename Goes>
    std::size_t remove_if(Goes&& goes) {
        const std::size_t before = size_;
        std::vector<DiskPlace> all(slots_.size());
        std::swap(all, slots_);
        size_ = 0;
        for (const DiskPlace& place : all) {
            if (place.segment == 0 || goes(place)) continue;
            insert(place);
            ++size_;
        }
        return before - size_;
    }
    template <typename Visit>
    void each(Visit&& visit) const {
        for (const DiskPlace& place : slots_) {
            if (place.segment != 0) visit(place);
        }
    }

private:
    std::size_t home(std::uint64_t hash) const { return hash & (slots_.size() - 1); }
    std::size_t next(std::size_t slot) const { return (slot + 1) & (slots_.size() - 1); }
    void grow();
    void insert(const DiskPlace& place);
    void close(std::size_t slot);

    std::vector<DiskPlace> slots_;  // a power of two of them; segment 0: free
    std::size_t size_ = 0;
};

}  // namespace moln::edge
