#include "edge/cache/disk_state.h"

#include "edge/cache/disk_bytes.h"

namespace moln::edge {
namespace {

constexpr std::uint32_t k_magic = 0x3143'4c4d;  // "MLC1"
constexpr std::uint32_t k_version = 2;          // with what purge_mark() gives
constexpr std::size_t k_check_bytes = 8;

// The last number of `bytes` checks those before it.
bool is_good(std::string_view bytes, std::uint64_t seed) {
    const auto checked = bytes.substr(0, bytes.size() - k_check_bytes);
    return NumberReader(bytes.substr(checked.size())).take<std::uint64_t>() ==
           disk_check(checked, seed);
}

}  // namespace

void put_disk_state_head(std::string& out, const DiskIdentity& identity) {
    const std::size_t begin = out.size();
    put_number(out, k_magic);
    put_number(out, k_version);
    put_number(out, identity.epoch);
    put_number(out, identity.seed);
    put_number(out, disk_check(std::string_view(out).substr(begin), 0));
}

void put_disk_purge(std::string& out, const PurgeSlot& slot, std::uint64_t epoch) {
    const std::size_t begin = out.size();
    put_number(out, slot.number);
    put_number(out, std::uint32_t{0});
    put_number(out, slot.value);
    put_number(out, disk_check(std::string_view(out).substr(begin), epoch));
}

std::optional<DiskState> read_disk_state(std::string_view bytes) {
    if (bytes.size() < k_disk_state_head_bytes ||
        (bytes.size() - k_disk_state_head_bytes) % k_disk_purge_bytes != 0 ||
        !is_good(bytes.substr(0, k_disk_state_head_bytes), 0))
        return std::nullopt;
    NumberReader numbers(bytes);
    const auto magic = numbers.take<std::uint32_t>();
    if (magic != k_magic || numbers.take<std::uint32_t>() != k_version) return std::nullopt;
    DiskState out;
    out.identity.epoch = numbers.take<std::uint64_t>();
    out.identity.seed = numbers.take<std::uint64_t>();
    bytes.remove_prefix(k_disk_state_head_bytes);
    out.purges.reserve(bytes.size() / k_disk_purge_bytes);
    for (; !bytes.empty(); bytes.remove_prefix(k_disk_purge_bytes)) {
        const auto one = bytes.substr(0, k_disk_purge_bytes);
        if (!is_good(one, out.identity.epoch)) return std::nullopt;
        NumberReader fields(one);
        PurgeSlot slot{.number = fields.take<std::uint32_t>()};
        fields.take<std::uint32_t>();
        slot.value = fields.take<std::uint64_t>();
        if (slot.number >= k_purge_slots) return std::nullopt;
        out.purges.push_back(slot);
    }
    return out;
}

}  // namespace moln::edge
