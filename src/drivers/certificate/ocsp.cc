#include "drivers/certificate/ocsp.h"

#include <memory>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/http.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include "base/base64.h"
#include "drivers/certificate/x509.h"
#include "io/tls/staple.h"
#include "model/words.h"

namespace moln {
namespace {

using Chain = std::vector<openssl::X509Certificate>;
using Request = std::unique_ptr<OCSP_REQUEST, openssl::Free<OCSP_REQUEST_free>>;
using CertId = std::unique_ptr<OCSP_CERTID, openssl::Free<OCSP_CERTID_free>>;
using TrustStore = std::unique_ptr<X509_STORE, openssl::Free<X509_STORE_free>>;
using Features = std::unique_ptr<TLS_FEATURE, openssl::Free<TLS_FEATURE_free>>;

constexpr std::string_view k_scheme = "http://";
constexpr long k_clock_skew_s = 300;
constexpr long k_feature_status_request = 5;  // RFC 7633, by the number of RFC 6066's extension

struct FreeUrls {
    void operator()(STACK_OF(OPENSSL_STRING) * urls) const { X509_email_free(urls); }
};
using Urls = std::unique_ptr<STACK_OF(OPENSSL_STRING), FreeUrls>;

std::unexpected<Error> invalid(std::string reason) {
    ERR_clear_error();
    return fail(ErrorCode::invalid, std::move(reason));
}

// The first that is plain HTTP: what comes is signed, and TLS would ask for its own certificate's
// state (RFC 5019 4).
std::string responder_of(X509& leaf) {
    const Urls urls(X509_get1_ocsp(&leaf));
    for (int i = 0; urls && i < sk_OPENSSL_STRING_num(urls.get()); ++i) {
        const std::string_view url = sk_OPENSSL_STRING_value(urls.get(), i);
        if (url.starts_with(k_scheme) && valid_utf8(url) == url) return std::string(url);
    }
    return "";
}

bool wants_staple(X509& leaf) {
    const Features features(
        static_cast<TLS_FEATURE*>(X509_get_ext_d2i(&leaf, NID_tlsfeature, nullptr, nullptr)));
    for (int i = 0; features && i < sk_ASN1_INTEGER_num(features.get()); ++i) {
        const long feature = ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features.get(), i));
        if (feature == k_feature_status_request) return true;
    }
    return false;
}

// By SHA-1, which all responders know (RFC 5019 2.1.1); it names, it proves nothing.
Result<CertId> id_of(const Chain& chain) {
    if (chain.size() < 2) {
        return invalid(
            "its issuer is not in the chain: add the certificate again with the issuer's behind "
            "it");
    }
    CertId id(OCSP_cert_to_id(EVP_sha1(), chain[0].get(), chain[1].get()));
    if (!id) return fail(openssl::error("it cannot be asked about"));
    return id;
}

// The issuer itself, or whom it gave the task to (RFC 6960 4.2.2.2).
bool is_signed(OCSP_BASICRESP& answer, const Chain& chain) {
    const TrustStore store(X509_STORE_new());
    const openssl::X509Stack others(sk_X509_new_null());
    if (!store || !others || X509_STORE_add_cert(store.get(), chain[1].get()) != 1 ||
        X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN) != 1 ||
        X509_add_cert(others.get(), chain[1].get(), X509_ADD_FLAG_UP_REF) != 1) {
        return false;
    }
    return OCSP_basic_verify(&answer, others.get(), store.get(), 0) == 1;
}

Result<Request> request_for(const Chain& chain) {
    MOLN_ASSIGN(auto id, id_of(chain));
    Request request(OCSP_REQUEST_new());
    if (!request || OCSP_request_add0_id(request.get(), id.get()) == nullptr) {
        return fail(openssl::error("it cannot be asked about"));
    }
    (void)id.release();  // the request has it
    return request;
}

struct Parts {
    std::string host;
    std::string port;
    std::string path;
};
Result<Parts> parts_of(const std::string& url) {
    char* host = nullptr;
    char* port = nullptr;
    char* path = nullptr;
    int tls = 0;
    const int good = OSSL_HTTP_parse_url(url.c_str(), &tls, nullptr, &host, &port, nullptr, &path,
                                         nullptr, nullptr);
    Parts parts;
    if (good == 1) parts = {host, port, path};
    for (char* text : {host, port, path}) OPENSSL_free(text);
    if (good != 1 || tls != 0) return invalid("its responder has no URL of plain HTTP");
    return parts;
}

std::string own_words(const std::string& url) {
    std::array<char, 200> words{};
    const auto error = ERR_peek_last_error();
    const char* reason = ERR_reason_error_string(error);
    ERR_error_string_n(error, words.data(), words.size());
    ERR_clear_error();
    return fmt::format("{} does not answer: {}", url, reason == nullptr ? words.data() : reason);
}

}  // namespace

StapleFacts read_staple_facts(std::string_view chain, std::string_view staple) {
    StapleFacts facts;
    const auto read = openssl::read_certificates(chain);
    if (!read || read->empty()) return facts;
    facts.responder = responder_of(*read->front());
    facts.must_staple = wants_staple(*read->front());
    if (const auto kept = tls::read_staple(staple)) facts.staple_from = kept->from;
    ERR_clear_error();
    return facts;
}

Result<Staple> read_answer(std::string_view chain_text, std::string_view der) {
    MOLN_ASSIGN(const auto chain, openssl::read_certificates(chain_text));
    MOLN_ASSIGN(const auto id, id_of(chain));
    if (der.size() > k_staple_bytes_max) {
        return invalid(fmt::format("the answer has {} bytes: at most {} are taken", der.size(),
                                   k_staple_bytes_max));
    }
    const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
    const openssl::OcspResponse response(
        d2i_OCSP_RESPONSE(nullptr, &bytes, static_cast<long>(der.size())));
    if (!response) return invalid("the answer is none of OCSP");
    if (const int status = OCSP_response_status(response.get());
        status != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
        return fail(ErrorCode::refused,
                    fmt::format("the responder says {}", OCSP_response_status_str(status)));
    }
    const openssl::OcspBasic answer(OCSP_response_get1_basic(response.get()));
    if (!answer || OCSP_resp_count(answer.get()) != 1) return invalid("the answer is not of one");
    if (!is_signed(*answer, chain)) return invalid("the answer is not signed by its issuer");
    int status = 0;
    ASN1_GENERALIZEDTIME* from = nullptr;
    ASN1_GENERALIZEDTIME* until = nullptr;
    if (OCSP_resp_find_status(answer.get(), id.get(), &status, nullptr, nullptr, &from, &until) !=
        1) {
        return invalid("the answer is of another certificate");
    }
    if (until == nullptr || OCSP_check_validity(from, until, k_clock_skew_s, -1) != 1) {
        return invalid("the answer is of another time, or does not say until when it is valid");
    }
    ERR_clear_error();
    if (status != V_OCSP_CERTSTATUS_GOOD) {
        const bool revoked = status == V_OCSP_CERTSTATUS_REVOKED;
        return fail(revoked ? ErrorCode::failed : ErrorCode::refused,
                    fmt::format("its authority says that it is {}", OCSP_cert_status_str(status)));
    }
    return Staple{.response = base64(der),
                  .from = tls::wall_time_of(from),
                  .until = tls::wall_time_of(until)};
}

Result<Staple> ask_responder(std::string_view chain_text) {
    MOLN_ASSIGN(const auto chain, openssl::read_certificates(chain_text));
    if (chain.empty()) return invalid("there is no certificate");
    const auto url = responder_of(*chain.front());
    MOLN_ASSIGN(const auto place, parts_of(url));
    MOLN_ASSIGN(const auto request, request_for(chain));
    const openssl::Bio question(ASN1_item_i2d_mem_bio(
        ASN1_ITEM_rptr(OCSP_REQUEST), reinterpret_cast<const ASN1_VALUE*>(request.get())));
    if (!question) return fail(openssl::error("it cannot be asked about"));
    constexpr int k_line_bytes_max = 4096;
    constexpr int k_limit_s = static_cast<int>(k_staple_limit.count / 1000);
    const openssl::Bio answer(OSSL_HTTP_transfer(
        nullptr, place.host.c_str(), place.port.c_str(), place.path.c_str(), 0, nullptr, nullptr,
        nullptr, nullptr, nullptr, nullptr, k_line_bytes_max, nullptr, "application/ocsp-request",
        question.get(), "application/ocsp-response", 1, k_staple_bytes_max, k_limit_s, 0));
    if (!answer) return fail(ErrorCode::unavailable, own_words(url));
    auto read = read_answer(chain_text, openssl::bytes_of(*answer));
    if (!read) return fail_in(url, read.error());
    return read;
}

}  // namespace moln
