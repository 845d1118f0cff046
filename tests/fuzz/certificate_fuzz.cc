// What people bring as a certificate, by the first byte: a whole PEM bundle, or the DER of a
// certificate that is put into one.
#include "base/base64.h"
#include "base/check.h"
#include "drivers/certificate/inspect.h"
#include "fuzz_input.h"
#include "model/limits.h"
#include "model/validate.h"

using namespace moln;

namespace {

constexpr WallTime k_now{1'795'500'000'000};  // 2026-11-24: those of the corpus are valid

std::string in_lines(const std::string& text) {
    constexpr std::size_t k_columns = 64;  // RFC 7468
    std::string lines;
    for (std::size_t at = 0; at < text.size(); at += k_columns) {
        lines += text.substr(at, k_columns) + "\n";
    }
    return lines;
}

void check(const std::string& pem) {
    const auto found = inspect_certificate(Secret(pem), k_now);
    if (!found) {
        CHECK(!found.error().reason.empty());
        return;
    }
    const auto& certificate = found->certificate;
    CHECK(!certificate.hosts.empty() && certificate.hosts.size() <= k_certificate_hosts_max);
    for (const auto& host : certificate.hosts) CHECK(validate_host(host).has_value());
    CHECK(certificate.not_before <= k_now && k_now < certificate.not_after);
    // What is kept is taken again, and is the same.
    const auto again = inspect_certificate(Secret(certificate.chain + found->key.reveal()), k_now);
    CHECK(again.has_value() && again->certificate == certificate);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    FuzzInput input(data, size);
    if (input.byte() == 'P') {
        check(std::string(input.rest()));
        return 0;
    }
    const std::string key(input.line());
    check("-----BEGIN CERTIFICATE-----\n" + in_lines(base64(input.rest())) +
          "-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n" + in_lines(key) +
          "-----END PRIVATE KEY-----\n");
    return 0;
}
