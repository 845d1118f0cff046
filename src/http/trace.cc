#include "http/trace.h"

#include <algorithm>

#include "base/hex.h"
#include "http/scan.h"

namespace moln::http {
namespace {

// Lower case only, as the recommendation demands.
int lower_hex(char c) {
    return c >= 'A' && c <= 'F' ? -1 : hex_digit(c);
}

template <std::size_t N>
bool read_hex(std::string_view text, std::array<std::uint8_t, N>& out) {
    for (std::size_t i = 0; i < N; ++i) {
        const int high = lower_hex(text[2 * i]);
        const int low = lower_hex(text[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        out[i] = static_cast<std::uint8_t>(high * 16 + low);
    }
    return true;
}

template <std::size_t N>
bool is_zero(const std::array<std::uint8_t, N>& id) {
    return std::ranges::all_of(id, [](std::uint8_t byte) { return byte == 0; });
}

// Zero ids are invalid; 2^-64 is rare, but a broken source of randomness is not.
template <std::size_t N>
void take_id(std::span<const std::uint8_t> random, std::array<std::uint8_t, N>& id) {
    std::copy_n(random.begin(), N, id.begin());
    if (is_zero(id)) id[N - 1] = 1;
}

}  // namespace

std::optional<TraceContext> parse_traceparent(std::string_view value) {
    if (value.size() < k_traceparent_bytes) return std::nullopt;
    std::array<std::uint8_t, 1> version{};
    std::array<std::uint8_t, 1> flags{};
    TraceContext trace;
    if (!read_hex(value.substr(0, 2), version) || version[0] == 0xff || value[2] != '-' ||
        !read_hex(value.substr(3, 32), trace.trace_id) || value[35] != '-' ||
        !read_hex(value.substr(36, 16), trace.parent_id) || value[52] != '-' ||
        !read_hex(value.substr(53, 2), flags)) {
        return std::nullopt;
    }
    const bool longer = value.size() > k_traceparent_bytes;
    if (longer && (version[0] == 0 || value[k_traceparent_bytes] != '-')) return std::nullopt;
    if (is_zero(trace.trace_id) || is_zero(trace.parent_id)) return std::nullopt;
    // The other flags are sent as zero (3.2.2.5).
    trace.flags = flags[0] & (k_trace_sampled | k_trace_random);
    return trace;
}

TraceContext continue_trace(const RequestHead& head,
                            std::span<const std::uint8_t, k_trace_random_bytes> random) {
    TraceContext trace;
    if (const auto value = head.fields.only(FieldId::traceparent)) {
        if (const auto received = parse_traceparent(*value)) {
            trace = *received;
            trace.continued = true;
            return trace;
        }
    }
    take_id(random.first<16>(), trace.trace_id);
    trace.parent_id = span_id(random.last<8>());
    return trace;
}

std::array<std::uint8_t, 8> span_id(std::span<const std::uint8_t, 8> random) {
    std::array<std::uint8_t, 8> id{};
    take_id(random, id);
    return id;
}

void format_traceparent(const TraceContext& trace, std::span<char, k_traceparent_bytes> out) {
    out[0] = '0';
    out[1] = '0';
    out[2] = out[35] = out[52] = '-';
    put_hex(trace.trace_id, out.data() + 3);
    put_hex(trace.parent_id, out.data() + 36);
    put_hex({&trace.flags, 1}, out.data() + 53);
}

}  // namespace moln::http
