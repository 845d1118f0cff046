// What an authority says of a certificate (OCSP, RFC 6960), as far as who keeps and shows it needs
// to know it. Whether it is true was looked at by who asked: drivers/certificate/ocsp.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <openssl/ocsp.h>

#include "base/units.h"
#include "io/tls/openssl.h"

namespace moln::openssl {

using OcspResponse = std::unique_ptr<OCSP_RESPONSE, Free<OCSP_RESPONSE_free>>;
using OcspBasic = std::unique_ptr<OCSP_BASICRESP, Free<OCSP_BASICRESP_free>>;

}  // namespace moln::openssl

namespace moln::tls {

struct ReadStaple {
    std::string der;
    WallTime from;
    WallTime until;
};

// Nothing: it is no response, of no certificate or several, or does not say until when it is valid.
std::optional<ReadStaple> read_staple(std::string_view base64);

WallTime wall_time_of(const ASN1_TIME* time);  // 0: it is none

}  // namespace moln::tls
