// Any bytes as what the cache's disk gives back: a segment, its table, the file of purges. Nothing
// is read beyond what is there, and what is taken for a record keeps to its limits and is written
// again as it was. The first byte says how the rest is to be sealed, so that more than checks is
// reached: 0 as it is; else as a record's head whose check is made good.
#include <string>

#include "base/check.h"
#include "edge/cache/disk_bytes.h"
#include "edge/cache/disk_record.h"
#include "edge/cache/disk_segment.h"
#include "edge/cache/disk_state.h"
#include "fuzz_input.h"

namespace {

using namespace moln;
using namespace moln::edge;

constexpr std::uint64_t k_epoch = 7;

class Bytes final : public SegmentBytes {
public:
    explicit Bytes(std::string_view bytes) : bytes_(bytes) {}
    std::string_view read(std::uint64_t at, std::size_t size) override {
        return at > bytes_.size() ? std::string_view() : bytes_.substr(at, size);
    }

private:
    std::string_view bytes_;
};

void check_head(std::string_view bytes) {
    const auto head = read_disk_head(bytes, k_epoch);
    if (!head) return;
    CHECK(head->bytes <= bytes.size() && head->bytes <= k_disk_head_bytes_max);
    CHECK(head->key.size() <= k_cache_key_bytes_max && head->marks.size() <= k_purge_marks_max);
    http::ResponseHead shown;
    head->head.show(shown);
    for (const http::Field field : shown.fields) {
        CHECK(!field.name.empty() && field.value.find('\n') == std::string_view::npos);
    }
    std::string again;
    CHECK(put_disk_head(again, head->stamp,
                        {.key = head->key,
                         .vary_names = head->vary_names,
                         .vary_key = head->vary_key,
                         .marks = head->marks},
                        head->head, k_epoch));
    const auto read = read_disk_head(again, k_epoch);
    CHECK(read && read->stamp == head->stamp && read->key == head->key);
    CHECK(read->head == head->head && read->marks == head->marks);
}

void check_segment(std::string_view bytes) {
    Bytes reader(bytes);
    for (const std::uint64_t size : {bytes.size(), bytes.size() / 2}) {
        const auto found = scan_segment(reader, size, k_epoch, 1);
        for (const DiskPlace& place : found.places) {
            CHECK(place.names < found.names.size());
            const std::uint64_t end = (std::uint64_t{place.at} + place.head_units) * k_disk_unit +
                                      disk_body_bytes(place.body_bytes);
            CHECK(end <= size);
        }
    }
    const auto table = read_segment_table(bytes, k_epoch, 1, 1 << 20);
    if (table) {
        std::string again;
        put_segment_table(again, table->places, table->names, k_epoch);
        CHECK(read_segment_table(again, k_epoch, 1, 1 << 20)->places == table->places);
    }
}

// The sum that stands 8 bytes from the begin, of what follows it.
void seal_head(std::string& bytes) {
    if (bytes.size() < k_disk_fixed_bytes) return;
    std::string sum;
    put_disk_check(sum, disk_check(std::string_view(bytes).substr(16), k_epoch));
    bytes.replace(8, sum.size(), sum);
}
void seal_end(std::string& bytes, std::uint64_t seed) {
    put_disk_check(bytes, disk_check(bytes, seed));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 65'536) return 0;
    FuzzInput input(data, size);
    const auto how = input.byte() % 4;
    std::string bytes(input.rest());
    if (how == 1) seal_head(bytes);
    if (how == 2) seal_end(bytes, k_epoch);
    if (how == 3) {
        // A file of purges: its head, and each purge sealed.
        std::string file;
        put_disk_state_head(file, {.epoch = k_epoch, .seed = 1});
        for (std::size_t at = 0; at + 16 <= bytes.size(); at += 16) {
            std::string one = bytes.substr(at, 16);
            seal_end(one, k_epoch);
            file += one;
        }
        bytes = file;
    }
    if (const auto state = read_disk_state(bytes)) {
        PurgeBook book;
        for (const auto& slot : state->purges) book.restore(slot);
    }
    check_head(bytes);
    check_segment(bytes);
    std::string framed(k_disk_segment_head_bytes, '\0');
    check_segment(framed + bytes);
    return 0;
}
