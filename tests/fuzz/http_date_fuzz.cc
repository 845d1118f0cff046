// Any bytes as a date: what is read is written and read back as the same second.
#include <array>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "http/date.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using moln::WallTime;
    constexpr WallTime k_now{1'763'800'000'000};
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const auto time = moln::http::parse_date(text, k_now);
    if (!time) return 0;
    // A leap second at the end of year 9999 is the one that cannot be written.
    if (time->ms > 253'402'300'799'000) return 0;
    std::array<char, moln::http::k_date_bytes> out;
    moln::http::format_date(*time, out);
    CHECK(moln::http::parse_date({out.data(), out.size()}, k_now) == *time);
    return 0;
}
