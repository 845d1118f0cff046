#include "edge/access_line.h"

#include <charconv>
#include <cstring>

#include "edge/limits.h"

namespace moln::edge {
namespace {

constexpr char k_hex[] = "0123456789abcdef";

// Escaped, a byte takes up to six: the fields are cut so that all of them fit in a line.
static_assert(k_log_line_max >= k_log_text_max + 1024);

class LineWriter {
public:
    explicit LineWriter(std::span<char> out)
        : begin_(out.data()), at_(begin_), end_(at_ + out.size()) {}

    void raw(std::string_view text) {
        if (static_cast<std::size_t>(end_ - at_) < text.size()) return overflow();
        if (!text.empty()) std::memcpy(at_, text.data(), text.size());
        at_ += text.size();
    }
    template <typename Number>
    void number(Number value) {
        const auto [next, error] = std::to_chars(at_, end_, value);
        if (error != std::errc{}) return overflow();
        at_ = next;
    }
    void quoted(std::string_view text, std::size_t bytes_max) {
        raw("\"");
        const char* stop = at_ + bytes_max;
        for (const char c : text) {
            const auto byte = static_cast<unsigned char>(c);
            if (end_ - at_ < 8) return overflow();
            if (at_ >= stop) break;
            if (byte < 0x20 || byte >= 0x7f) {
                std::memcpy(at_, "\\u00", 4);
                at_[4] = k_hex[byte >> 4];
                at_[5] = k_hex[byte & 15U];
                at_ += 6;
            } else {
                if (c == '"' || c == '\\') *at_++ = '\\';
                *at_++ = c;
            }
        }
        raw("\"");
    }
    void hex(std::span<const std::uint8_t> bytes) {
        if (static_cast<std::size_t>(end_ - at_) < 2 * bytes.size()) return overflow();
        for (const std::uint8_t byte : bytes) {
            *at_++ = k_hex[byte >> 4];
            *at_++ = k_hex[byte & 15U];
        }
    }
    std::size_t size() const { return fits_ ? static_cast<std::size_t>(at_ - begin_) : 0; }

private:
    void overflow() {
        fits_ = false;
        at_ = end_ = begin_;
    }
    char* begin_;
    char* at_;
    char* end_;
    bool fits_ = true;
};

constexpr std::size_t k_short_text_max = 128;
constexpr std::size_t k_host_text_max = 256;

}  // namespace

std::size_t format_access_line(const AccessRecord& record, std::span<char> out) {
    LineWriter line(out);
    line.raw("{\"time_ms\":");
    line.number(record.time.ms);
    line.raw(",\"client\":");
    line.quoted(record.client, k_short_text_max);
    line.raw(",\"method\":");
    line.quoted(record.method, k_short_text_max);
    line.raw(",\"host\":");
    line.quoted(record.host, k_host_text_max);
    line.raw(",\"path\":");
    line.quoted(record.path, k_log_text_max);
    line.raw(",\"status\":");
    line.number(record.status);
    line.raw(",\"bytes\":");
    line.number(record.bytes);
    line.raw(",\"duration_us\":");
    line.number(record.duration_us);
    line.raw(",\"queue_us\":");
    line.number(record.queue_us);
    line.raw(",\"app\":");
    line.quoted(record.app, k_host_text_max);
    line.raw(",\"process\":");
    line.quoted(record.process, k_short_text_max);
    line.raw(",\"instance\":");
    line.quoted(record.instance, k_short_text_max);
    line.raw(",\"retries\":");
    line.number(record.retries);
    line.raw(",\"tls\":");
    line.quoted(record.tls, k_short_text_max);
    line.raw(",\"trace\":\"");
    line.hex(record.trace_id);
    line.raw("\"}\n");
    return line.size();
}

}  // namespace moln::edge
