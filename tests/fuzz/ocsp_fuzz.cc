// Any bytes as an OCSP responder's answer about a certificate: nothing that its issuer did not sign
// is believed, and what is kept of an answer is read without harm.
#include "base/base64.h"
#include "base/check.h"
#include "drivers/certificate/ocsp.h"
#include "fuzz_input.h"
#include "io/tls/staple.h"
#include "io/tls/test_keys_for_test.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = moln::FuzzInput(data, size).rest();
    static const std::string k_chain =
        std::string(moln::tls::k_test_chain) + moln::tls::k_test_chain;
    CHECK(!moln::read_answer(k_chain, bytes));
    (void)moln::tls::read_staple(bytes);
    const auto kept = moln::tls::read_staple(moln::base64(bytes));
    CHECK(!kept || (kept->der == bytes && kept->until.ms != 0));
    return 0;
}
