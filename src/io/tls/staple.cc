#include "io/tls/staple.h"

#include <ctime>

#include <openssl/err.h>

#include "model/staple.h"

namespace moln::tls {
namespace {

// "": it is no base64.
std::string from_base64(std::string_view text) {
    constexpr std::size_t k_quantum = 4;
    if (text.empty() || text.size() % k_quantum != 0) return "";
    std::string bytes(text.size() / k_quantum * 3, '\0');
    const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    if (size < 0 || static_cast<std::size_t>(size) < padding) return "";
    bytes.resize(static_cast<std::size_t>(size) - padding);
    return bytes;
}

}  // namespace

WallTime wall_time_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return {};
    return {static_cast<std::int64_t>(::timegm(&parts)) * 1000};
}

std::optional<ReadStaple> read_staple(std::string_view base64) {
    if (base64.size() > k_staple_bytes_max * 2) return std::nullopt;
    ReadStaple read{.der = from_base64(base64), .from = {}, .until = {}};
    const auto* bytes = reinterpret_cast<const unsigned char*>(read.der.data());
    const openssl::OcspResponse response(
        d2i_OCSP_RESPONSE(nullptr, &bytes, static_cast<long>(read.der.size())));
    const openssl::OcspBasic basic(response ? OCSP_response_get1_basic(response.get()) : nullptr);
    ERR_clear_error();
    if (!basic || OCSP_resp_count(basic.get()) != 1) return std::nullopt;
    ASN1_GENERALIZEDTIME* from = nullptr;
    ASN1_GENERALIZEDTIME* until = nullptr;
    OCSP_single_get0_status(OCSP_resp_get0(basic.get(), 0), nullptr, nullptr, &from, &until);
    ERR_clear_error();
    read.from = wall_time_of(from);
    read.until = wall_time_of(until);
    if (read.until.ms == 0) return std::nullopt;
    return read;
}

}  // namespace moln::tls
