// Formats of vendors' tokens, one a line: whose, how it is written, where its maker says so.

/**
 * `vendor | shape | source`. In a shape `<w36>` stands for 36 letters or digits, `<w20-30>` for 20 to 30, `<w20+>` for 20 and more; the letters
 * of classes are those of `classes`. Everything else stands for itself. A shape may begin with a class where what follows tells enough
 * (`<h32>-us<d1-2>`), or with one of several texts: `{EZAK|EZTK}<w54>`. `near` before a shape: it tells too little, so it is only looked for behind the vendor's name.
 *
 * GitHub, npm and others end their tokens in a checksum. It is not used to let one pass: a token that was typed with a mistake is a token.
 */
export const vendorLines = `
AWS access key id | AKIA<u16> | docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
AWS temporary access key id | ASIA<u16> | docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
AWS bearer token | ABIA<u16> | docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
AWS context credential | ACCA<u16> | docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
AWS certificate id | A3T<u17> | docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
AWS session token | FwoGZXIvYXdz<e80+> | docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
AWS session token, newer | IQoJb3JpZ2lu<e80+> | docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
Amazon Bedrock key | ABSK<e100+> | docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html
Amazon Bedrock short-term key | bedrock-api-key-<e30+> | docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html
Amazon Marketplace Web Service | amzn.mws.<g> | docs.developer.amazonservices.com
Amazon Login client secret | amzn1.oa2-cs.v1.<h64> | developer.amazon.com/docs/login-with-amazon
Google API key | AIza<b35> | cloud.google.com/docs/authentication/api-keys
Google OAuth access token | ya29.<o20+> | developers.google.com/identity/protocols/oauth2
Google OAuth client secret | GOCSPX-<b28+> | developers.google.com/identity/protocols/oauth2
Google OAuth refresh token | 1//0<b40+> | developers.google.com/identity/protocols/oauth2
Firebase Cloud Messaging | AAAA<b7>:<b140> | firebase.google.com/docs/cloud-messaging
Google Cloud HMAC key | GOOG1E<u54+> | cloud.google.com/storage/docs/authentication/hmackeys
Azure storage key in a connection string | AccountKey=<e40+> | learn.microsoft.com/azure/storage/common/storage-configure-connection-string
Azure shared access key | SharedAccessKey=<e40+> | learn.microsoft.com/azure/service-bus-messaging/service-bus-sas
Azure SAS signature | sig=<e40+> | learn.microsoft.com/rest/api/storageservices/create-service-sas
Azure AD client secret | <y3>8Q~<y31-34> | learn.microsoft.com/entra/identity-platform/howto-create-service-principal-portal
Azure AD client secret, older | <y3>7Q~<y31-34> | learn.microsoft.com/entra/identity-platform/howto-create-service-principal-portal
Azure storage key | <e76>+ASt<e6>== | learn.microsoft.com/purview/sit-defn-azure-storage-account-key
Azure Batch key | <e76>+ABa<e6>== | learn.microsoft.com/purview/sit-defn-azure-batch-shared-access-key
Azure Cosmos DB key | <e76>ACDb<e6>== | learn.microsoft.com/purview/sit-defn-azure-cosmos-db-account-access-key
Azure Search key | <w42>AzSe<w6> | learn.microsoft.com/purview/sit-defn-azure-search-admin-key
Azure Functions key | <b40-44>AzFu<b6-8> | learn.microsoft.com/purview/sit-defn-azure-function-master-api-key
Azure container registry key | <e42>+ACR<w6> | learn.microsoft.com/purview/sit-defn-azure-container-registry-access-key
Azure cache for Redis key | <w33>AzCa<w6-8> | learn.microsoft.com/purview/sit-defn-azure-redis-cache-connection-string
Azure IoT key | <e33>AIoT<e6>= | learn.microsoft.com/purview/sit-defn-azure-iot-shared-access-key
Azure DevOps older personal access token | near azure <l52> | learn.microsoft.com/azure/devops/organizations/accounts/use-personal-access-tokens
Azure DevOps personal access token | <w76>AZDO<w4> | learn.microsoft.com/azure/devops/organizations/accounts/use-personal-access-tokens
Microsoft Teams webhook | webhook.office.com/webhookb2/<p40+> | learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors
Alibaba Cloud access key id | LTAI<w12-24> | alibabacloud.com/help/ram
Tencent Cloud secret id | AKID<w32> | cloud.tencent.com/document/product/598
Yandex Cloud API key | AQVN<b35-38> | yandex.cloud/docs/iam/concepts/authorization/api-key
Yandex Cloud static key | YC<b38> | yandex.cloud/docs/iam
Yandex Cloud IAM token | t1.<a7+>.<b86> | yandex.cloud/docs/iam/concepts/authorization/iam-token
IBM Cloud API key | near ibm <b44> | cloud.ibm.com/docs/account?topic=account-userapikey
Oracle Cloud private key id | near oci_fingerprint <h32> | docs.oracle.com/iaas
DigitalOcean personal token | dop_v1_<h64> | docs.digitalocean.com/reference/api
DigitalOcean OAuth token | doo_v1_<h64> | docs.digitalocean.com/reference/api
DigitalOcean refresh token | dor_v1_<h64> | docs.digitalocean.com/reference/api
Linode token | near linode <h64> | techdocs.akamai.com/linode-api
Hetzner token | near hetzner <w64> | docs.hetzner.cloud
Vultr key | near vultr <u36> | vultr.com/api
Scaleway access key | SCW<u17> | scaleway.com/en/docs/iam
Cloudflare origin CA key | v1.0-<h24>-<h146> | developers.cloudflare.com/ssl/origin-configuration
Cloudflare token | near cloudflare <b40> | developers.cloudflare.com/fundamentals/api
Cloudflare global key | near cloudflare <h37> | developers.cloudflare.com/fundamentals/api
Cloudflare user token | cfut_<w40+> | developers.cloudflare.com/fundamentals/api
Fastly token | near fastly <b32> | fastly.com/documentation/reference/api/auth-tokens
Fly.io access token | fo1_<b43> | fly.io/docs/security/tokens
Fly.io macaroon | fm2_<e100+> | fly.io/docs/security/tokens
Fly.io older macaroon | fm1r_<e100+> | fly.io/docs/security/tokens
Heroku key | HRKU-<b58+> | devcenter.heroku.com/articles/platform-api-reference
Heroku older key | HRKU-<g> | devcenter.heroku.com/articles/platform-api-reference
Heroku token | near heroku <g> | devcenter.heroku.com/articles/platform-api-reference
Netlify token | nfp_<w36+> | docs.netlify.com/api/get-started
Netlify older token | near netlify <b40-46> | docs.netlify.com/api/get-started
Vercel token | near vercel <w24> | vercel.com/docs/rest-api
Vercel personal token | vcp_<w24+> | vercel.com/docs/rest-api
Vercel integration token | vci_<w24+> | vercel.com/docs/rest-api
Vercel AI gateway key | vck_<w24+> | vercel.com/docs/ai-gateway
Render key | rnd_<w26+> | render.com/docs/api
Railway token | near railway <g> | docs.railway.com/reference/public-api
Supabase access token | sbp_<h40> | supabase.com/docs/reference/api
Supabase secret key | sb_secret_<b30+> | supabase.com/docs/guides/api/api-keys
Neon key | napi_<w60+> | neon.tech/docs/manage/api-keys
PlanetScale token | pscale_tkn_<o32+> | planetscale.com/docs/concepts/service-tokens
PlanetScale password | pscale_pw_<o32+> | planetscale.com/docs/concepts/connection-strings
PlanetScale OAuth token | pscale_oauth_<o32+> | planetscale.com/docs
MongoDB Atlas service account | mdb_sa_sk_<b36+> | mongodb.com/docs/atlas/api
Databricks token | dapi<h32> | docs.databricks.com/dev-tools/auth
Snowflake token | near snowflake <b40-64> | docs.snowflake.com
Confluent secret | near confluent <w64> | docs.confluent.io/cloud/current/access-management
Confluent key | near confluent <w16> | docs.confluent.io/cloud/current/access-management
dbt service token | dbts_<b30+> | docs.getdbt.com/docs/dbt-cloud-apis
dbt user token | dbtu_<b30+> | docs.getdbt.com/docs/dbt-cloud-apis
dbt cloud token | dbtc_<b30+> | docs.getdbt.com/docs/dbt-cloud-apis
Doppler personal token | dp.pt.<w40+> | docs.doppler.com/reference/auth-token-formats
Doppler service token | dp.st.<o40+> | docs.doppler.com/reference/auth-token-formats
Doppler CLI token | dp.ct.<w40+> | docs.doppler.com/reference/auth-token-formats
Doppler service account | dp.sa.<w40+> | docs.doppler.com/reference/auth-token-formats
Doppler SCIM token | dp.scim.<w40+> | docs.doppler.com/reference/auth-token-formats
Doppler audit token | dp.audit.<w40+> | docs.doppler.com/reference/auth-token-formats
HashiCorp Vault service token | hvs.<b20+> | developer.hashicorp.com/vault/docs/concepts/tokens
HashiCorp Vault batch token | hvb.<b60+> | developer.hashicorp.com/vault/docs/concepts/tokens
HashiCorp Vault recovery token | hvr.<b20+> | developer.hashicorp.com/vault/docs/concepts/tokens
HashiCorp Vault older token | near vault s.<w24> | developer.hashicorp.com/vault/docs/concepts/tokens
HCP Terraform token | <w14>.atlasv1.<b60+> | developer.hashicorp.com/terraform/cloud-docs/api-docs
Pulumi token | pul-<h40> | pulumi.com/docs/administration/access-identity/access-tokens
Infracost key | ico-<w32> | infracost.io/docs
Infisical service token | st.<h24>.<h32>.<h32> | infisical.com/docs
1Password service account | ops_eyJ<e100+> | developer.1password.com/docs/service-accounts
1Password secret key | A3-<u6>-<u6>-<u5>-<u5>-<u5> | support.1password.com/secret-key-security
1Password secret key, longer | A3-<u6>-<u11>-<u5>-<u5>-<u5> | support.1password.com/secret-key-security
OpenShift token | sha256~<b43> | docs.openshift.com
Rancher token | token-<l5>:<l54> | ranchermanager.docs.rancher.com
Tailscale key | tskey-api-<b12+> | tailscale.com/kb/1101/api
Tailscale auth key | tskey-auth-<b12+> | tailscale.com/kb/1085/auth-keys
Tailscale OAuth secret | tskey-client-<b12+> | tailscale.com/kb/1215/oauth-clients
ngrok key | near ngrok <b40-52> | ngrok.com/docs/api
Defined Networking key | dnkey-<l26>-<l52> | docs.defined.net
GitHub personal token | ghp_<w36+> | docs.github.com/authentication/keeping-your-account-and-data-secure/about-authentication-to-github
GitHub OAuth token | gho_<w36+> | docs.github.com/authentication/keeping-your-account-and-data-secure/about-authentication-to-github
GitHub app user token | ghu_<w36+> | docs.github.com/authentication/keeping-your-account-and-data-secure/about-authentication-to-github
GitHub app installation token | ghs_<w36+> | docs.github.com/authentication/keeping-your-account-and-data-secure/about-authentication-to-github
GitHub app refresh token | ghr_<w36+> | docs.github.com/authentication/keeping-your-account-and-data-secure/about-authentication-to-github
GitHub fine-grained token | github_pat_<q30+> | docs.github.com/authentication/keeping-your-account-and-data-secure/about-authentication-to-github
GitLab personal token | glpat-<o20+> | docs.gitlab.com/security/tokens
GitLab OAuth secret | gloas-<b20+> | docs.gitlab.com/security/tokens
GitLab deploy token | gldt-<b20+> | docs.gitlab.com/security/tokens
GitLab runner token | glrt-<o20+> | docs.gitlab.com/security/tokens
GitLab runner token, created | glrtr-<o20+> | docs.gitlab.com/security/tokens
GitLab CI job token | glcbt-<b20+> | docs.gitlab.com/security/tokens
GitLab trigger token | glptt-<b20+> | docs.gitlab.com/security/tokens
GitLab feed token | glft-<b20+> | docs.gitlab.com/security/tokens
GitLab mail token | glimt-<b20+> | docs.gitlab.com/security/tokens
GitLab agent token | glagent-<b20+> | docs.gitlab.com/security/tokens
GitLab SCIM token | glsoat-<b20+> | docs.gitlab.com/security/tokens
GitLab feature flags token | glffct-<b20+> | docs.gitlab.com/security/tokens
GitLab workspace token | glwt-<b20+> | docs.gitlab.com/security/tokens
GitLab registration token | GR1348941<b20+> | docs.gitlab.com/security/tokens
GitLab session cookie | _gitlab_session=<h32> | docs.gitlab.com/security/tokens
Atlassian API token | ATATT3<a100+> | support.atlassian.com/atlassian-account
Atlassian access token | ATCTT3<a100+> | support.atlassian.com/atlassian-account
Bitbucket app password | ATBB<a24+> | support.atlassian.com/bitbucket-cloud
Trello token | ATTA<w60+> | developer.atlassian.com/cloud/trello
Bitbucket client | near bitbucket <b32-64> | support.atlassian.com/bitbucket-cloud
Jira and Confluence token | near atlassian <w24> | support.atlassian.com/atlassian-account
Trello key | near trello <h32> | developer.atlassian.com/cloud/trello
Sourcegraph token | sgp_<h16>_<h40> | sourcegraph.com/docs/cli/how-tos/creating_an_access_token
Sourcegraph local token | sgp_local_<h40> | sourcegraph.com/docs/cli/how-tos/creating_an_access_token
Sourcegraph older token | sgp_<h40> | sourcegraph.com/docs/cli/how-tos/creating_an_access_token
Sourcegraph license token | slk_<h64> | sourcegraph.com/docs/cli/how-tos/creating_an_access_token
SonarQube user token | squ_<h40> | docs.sonarsource.com/sonarqube-server/latest/user-guide/managing-tokens
SonarQube project token | sqp_<h40> | docs.sonarsource.com/sonarqube-server/latest/user-guide/managing-tokens
SonarQube analysis token | sqa_<h40> | docs.sonarsource.com/sonarqube-server/latest/user-guide/managing-tokens
Snyk token | near snyk <g> | docs.snyk.io/snyk-api
Codecov token | near codecov <h32> | docs.codecov.com
CircleCI personal token | CCIPAT_<w22>_<h40> | circleci.com/docs/managing-api-tokens
CircleCI project token | CCIPRJ_<w22>_<h40> | circleci.com/docs/managing-api-tokens
CircleCI older token | near circle <h40> | circleci.com/docs/managing-api-tokens
Travis CI token | near travis <w22> | docs.travis-ci.com
Buildkite user token | bkua_<h40> | buildkite.com/docs/apis/managing-api-tokens
Buildkite agent token | bkct_<w40+> | buildkite.com/docs/agent/v3/tokens
Drone CI token | near drone <w32> | docs.drone.io
Jenkins token | near jenkins <h34> | jenkins.io/doc/book/system-administration/authenticating-scripted-clients
JetBrains token | perm:<b20+>.<b20+>.<b20+> | jetbrains.com/help/youtrack/devportal/authentication-with-permanent-token.html
JetBrains token, base64 | perm-<e40+> | jetbrains.com/help/youtrack/devportal/authentication-with-permanent-token.html
Harness personal token | pat.<b22>.<w24>.<w20> | developer.harness.io/docs/platform/automation/api
Harness service token | sat.<b22>.<w24>.<w20> | developer.harness.io/docs/platform/automation/api
Octopus Deploy key | API-<u25-32> | octopus.com/docs/octopus-rest-api/how-to-create-an-api-key
Scalingo token | tk-us-<b48> | developers.scalingo.com
Prefect token | pnu_<w36> | docs.prefect.io
Prefect service token | pnb_<w36> | docs.prefect.io
LaunchDarkly token | near launchdarkly <b40> | launchdarkly.com/docs/home/account/api
LaunchDarkly SDK key | sdk-<g> | launchdarkly.com/docs/home/account/environment/keys
LaunchDarkly access token | api-<g> | launchdarkly.com/docs/home/account/api
Artifactory key | AKCp<w60+> | jfrog.com/help/r/jfrog-platform-administration-documentation
Artifactory reference token | cmVmdGtu<w50+> | jfrog.com/help/r/jfrog-platform-administration-documentation
npm token | npm_<w36> | docs.npmjs.com/about-access-tokens
PyPI token | pypi-AgEIcHlwaS5vcmc<b50+> | pypi.org/help/#apitoken
TestPyPI token | pypi-AgENdGVzdC5weXBpLm9yZw<b50+> | pypi.org/help/#apitoken
RubyGems key | rubygems_<h48> | guides.rubygems.org/api-key-scopes
NuGet key | oy2<l43> | learn.microsoft.com/nuget/nuget-org/publish-a-package
crates.io token | cio<w32> | doc.rust-lang.org/cargo/reference/publishing.html
Clojars token | CLOJARS_<w60> | github.com/clojars/clojars-web/wiki/Deploy-Tokens
Docker Hub token | dckr_pat_<b27> | docs.docker.com/security/access-tokens
Docker Hub organisation token | dckr_oat_<b27+> | docs.docker.com/enterprise/security/access-tokens
Hex.pm key | near hex_api_key <h32> | hex.pm/docs
Slack bot token | xoxb-<b20+> | api.slack.com/concepts/token-types
Slack user token | xoxp-<b20+> | api.slack.com/concepts/token-types
Slack workspace token | xoxa-<b12+> | api.slack.com/concepts/token-types
Slack refresh token | xoxr-<b12+> | api.slack.com/concepts/token-types
Slack session token | xoxs-<b12+> | api.slack.com/concepts/token-types
Slack older workspace token | xoxo-<b12+> | api.slack.com/concepts/token-types
Slack client token | xoxc-<b12+> | api.slack.com/concepts/token-types
Slack cookie token | xoxd-<e12+> | api.slack.com/concepts/token-types
Slack rotated token | xoxe.xox<o20+> | api.slack.com/concepts/token-types
Slack rotation refresh token | xoxe-<b20+> | api.slack.com/concepts/token-types
Slack app token | xapp-<b20+> | api.slack.com/concepts/token-types
Slack webhook | hooks.slack.com/services/<p20+> | api.slack.com/messaging/webhooks
Slack workflow webhook | hooks.slack.com/workflows/<p20+> | api.slack.com/messaging/webhooks
Slack trigger webhook | hooks.slack.com/triggers/<p20+> | api.slack.com/messaging/webhooks
Discord webhook | discord.com/api/webhooks/<p60+> | discord.com/developers/docs/resources/webhook
Discord older webhook | discordapp.com/api/webhooks/<p60+> | discord.com/developers/docs/resources/webhook
Discord bot token | {MD|MT|Mj|Mz|ND|NT|Nj|Nz|OD|OT}<b21-26>.<b6>.<b27-40> | discord.com/developers/docs/reference#authentication
Discord token | near discord <h64> | discord.com/developers/docs/reference#authentication
Discord client secret | near discord <b32> | discord.com/developers/docs/topics/oauth2
Discord client id | near discord <d17-19> | discord.com/developers/docs/topics/oauth2
Telegram bot token | <d8-10>:A<b34> | core.telegram.org/bots/api#authorizing-your-bot
Twilio key | SK<h32> | twilio.com/docs/iam/api-keys
Twilio account | AC<h32> | twilio.com/docs/iam/api-keys
Twilio token | near twilio <h32> | twilio.com/docs/iam/api-keys
SendGrid key | SG.<b20-24>.<b39-50> | twilio.com/docs/sendgrid/ui/account-and-settings/api-keys
Mailgun key | key-<h32> | documentation.mailgun.com
Mailgun signing key | near mailgun <h32>-<h8>-<h8> | documentation.mailgun.com
Mailgun validation key | pubkey-<h32> | documentation.mailgun.com
Mailchimp key | <h32>-us<d1-2> | mailchimp.com/developer/marketing/guides/quick-start
Mandrill key | md-<b22> | mailchimp.com/developer/transactional
Brevo key | xkeysib-<h64>-<w16> | developers.brevo.com
Brevo SMTP key | xsmtpsib-<h64>-<w16> | developers.brevo.com
Resend key | re_<w8>_<w24> | resend.com/docs
Postmark token | near postmark <g> | postmarkapp.com/developer
MessageBird key | near messagebird <w25> | developers.messagebird.com
MessageBird client | near messagebird <g> | developers.messagebird.com
HubSpot private app token | pat-na<d1>-<g> | developers.hubspot.com/docs/api/private-apps
HubSpot European token | pat-eu<d1>-<g> | developers.hubspot.com/docs/api/private-apps
HubSpot key | near hubspot <g> | developers.hubspot.com
Intercom token | dG9rO<e50+> | developers.intercom.com
Intercom key | near intercom <e60> | developers.intercom.com
Salesforce session | 00D<w12>!<o80+> | developer.salesforce.com/docs
Zendesk secret | near zendesk <w40> | developer.zendesk.com
Freshbooks token | near freshbooks <h64> | freshbooks.com/api
Klaviyo key | pk_<h34> | developers.klaviyo.com
Airtable token | pat<w14>.<h64> | airtable.com/developers/web/api/authentication
Airtable key | near airtable <w17> | airtable.com/developers/web/api/authentication
Notion token | ntn_<w40+> | developers.notion.com/docs/authorization
Notion older token | secret_<w43> | developers.notion.com/docs/authorization
Linear key | lin_api_<w40> | linear.app/developers
Linear OAuth secret | near linear <h32> | linear.app/developers
Asana token | {0/|1/|2/}<d13-19>:<h32> | developers.asana.com/docs/personal-access-token
Asana newer token | 2/<d13-19>/<d13-19>:<h32> | developers.asana.com/docs/personal-access-token
Asana secret | near asana <w32> | developers.asana.com
Asana client id | near asana <d16> | developers.asana.com
ClickUp token | pk_<d4-12>_<u32> | developer.clickup.com
Figma token | figd_<b40+> | figma.com/developers/api
Figma user token | figu_<b40+> | figma.com/developers/api
Figma OAuth token | figo_<b40+> | figma.com/developers/api
Dropbox token | sl.<b130+> | developers.dropbox.com/oauth-guide
Dropbox newer token | sl.u.<b130+> | developers.dropbox.com/oauth-guide
Dropbox long-lived token | near dropbox <w64> | developers.dropbox.com/oauth-guide
Dropbox secret | near dropbox <l15> | developers.dropbox.com/oauth-guide
Typeform token | tfp_<b44+> | typeform.com/developers
Frame.io token | fio-u-<b64> | developer.frame.io
Beamer key | b_<b44> | getbeamer.com/api
Ionic token | ion_<l42> | ionic.io/docs
ReadMe key | rdme_<l70> | docs.readme.com
Postman key | PMAK-<h24>-<h34> | learning.postman.com/docs/developer/postman-api/authentication
Postman access token | PMAT-<u26> | learning.postman.com
Contentful token | CFPAT-<b43> | contentful.com/developers/docs/references/authentication
Contentful delivery token | near contentful <b43> | contentful.com/developers/docs/references/authentication
Algolia key | near algolia <h32> | algolia.com/doc/guides/security/api-keys
Adobe client secret | p8e-<w32> | developer.adobe.com/developer-console/docs
Adobe client id | near adobe <h32> | developer.adobe.com/developer-console/docs
Stripe secret key | sk_live_<w10+> | docs.stripe.com/keys
Stripe test key | sk_test_<w10+> | docs.stripe.com/keys
Stripe production key | sk_prod_<w10+> | docs.stripe.com/keys
Stripe restricted key | rk_live_<w10+> | docs.stripe.com/keys
Stripe restricted test key | rk_test_<w10+> | docs.stripe.com/keys
Stripe restricted production key | rk_prod_<w10+> | docs.stripe.com/keys
Stripe webhook secret | whsec_<e24+> | docs.stripe.com/webhooks
Stripe organisation key | sk_org_live_<w10+> | docs.stripe.com/keys
Square access token | sq0atp-<b22+> | developer.squareup.com/docs/build-basics/access-tokens
Square secret | sq0csp-<b43> | developer.squareup.com/docs/build-basics/access-tokens
Square token | EAAA<e60+> | developer.squareup.com/docs/build-basics/access-tokens
Square identity | sq0idp-<b22> | developer.squareup.com/docs/build-basics/access-tokens
PayPal and Braintree token | access_token$production$<l16>$<h32> | developer.paypal.com/braintree/docs
PayPal and Braintree sandbox token | access_token$sandbox$<l16>$<h32> | developer.paypal.com/braintree/docs
PayPal bearer token | A21AA<b70+> | developer.paypal.com/api/rest/authentication
Plaid access token | access-production-<g> | plaid.com/docs/api/tokens
Plaid sandbox token | access-sandbox-<g> | plaid.com/docs/api/tokens
Plaid development token | access-development-<g> | plaid.com/docs/api/tokens
Plaid secret | near plaid <w30> | plaid.com/docs
Plaid client id | near plaid <w24> | plaid.com/docs
Razorpay key | rzp_live_<w14> | razorpay.com/docs/api/authentication
Razorpay test key | rzp_test_<w14> | razorpay.com/docs/api/authentication
Flutterwave secret | FLWSECK_TEST-<w32>-X | developer.flutterwave.com/docs
Flutterwave live secret | FLWSECK-<w32>-X | developer.flutterwave.com/docs
Flutterwave public key | FLWPUBK_TEST-<w32>-X | developer.flutterwave.com/docs
Flutterwave encryption key | FLWSECK_TEST<w12> | developer.flutterwave.com/docs
GoCardless token | live_<b40> | developer.gocardless.com
Mollie key | live_<w30> | docs.mollie.com/reference/authentication
Mollie test key | test_<w30> | docs.mollie.com/reference/authentication
Lob key | live_<h35> | docs.lob.com
Lob test key | test_<h35> | docs.lob.com
Lob publishable key | live_pub_<h31> | docs.lob.com
Lob publishable test key | test_pub_<h31> | docs.lob.com
EasyPost key | EZAK<w54> | docs.easypost.com
EasyPost test key | EZTK<w54> | docs.easypost.com
Shippo token | shippo_live_<h40> | docs.goshippo.com
Shippo test token | shippo_test_<h40> | docs.goshippo.com
Duffel token | duffel_live_<a43> | duffel.com/docs/api
Duffel test token | duffel_test_<a43> | duffel.com/docs/api
Paddle key | pdl_live_apikey_<q30+> | developer.paddle.com
Paddle sandbox key | pdl_sdbx_apikey_<q30+> | developer.paddle.com
Polar token | polar_oat_<w40+> | polar.sh/docs
Finicity token | near finicity <h32> | developer.mastercard.com/open-finance-us
Finicity secret | near finicity <w20> | developer.mastercard.com/open-finance-us
Coinbase token | near coinbase <b64> | docs.cdp.coinbase.com
Kraken token | near kraken <e80-90> | docs.kraken.com
KuCoin token | near kucoin <h24> | kucoin.com/docs
KuCoin secret | near kucoin <g> | kucoin.com/docs
Bittrex key | near bittrex <w32> | bittrex.github.io
Bitcoin private key | xprv<w100+> | github.com/bitcoin/bips/blob/master/bip-0032.mediawiki
Shopify token | shpat_<h32> | shopify.dev/docs/apps/build/authentication-authorization
Shopify shared secret | shpss_<h32> | shopify.dev/docs/apps/build/authentication-authorization
Shopify custom app token | shpca_<h32> | shopify.dev/docs/apps/build/authentication-authorization
Shopify private app token | shppa_<h32> | shopify.dev/docs/apps/build/authentication-authorization
Etsy token | near etsy <w24> | developers.etsy.com
Squarespace token | near squarespace <g> | developers.squarespace.com
Facebook token | EAAM<w80+> | developers.facebook.com/docs/facebook-login/guides/access-tokens
Facebook page token | EAAC<w80+> | developers.facebook.com/docs/facebook-login/guides/access-tokens
Facebook longer token | EAA<w100+> | developers.facebook.com/docs/facebook-login/guides/access-tokens
Facebook app token | near facebook <d15-16>|<b27-40> | developers.facebook.com/docs/facebook-login/guides/access-tokens
Facebook secret | near facebook <h32> | developers.facebook.com
Instagram token | IGQV<b50+> | developers.facebook.com/docs/instagram
Twitter bearer token | AAAAAAAAAAAAAAAAAAAA<e60-120> | docs.x.com/resources/fundamentals/authentication
Twitter secret | near twitter <w35-50> | docs.x.com/resources/fundamentals/authentication
Twitter key | near twitter <w25> | docs.x.com/resources/fundamentals/authentication
LinkedIn secret | near linkedin <w16> | learn.microsoft.com/linkedin/shared/authentication
LinkedIn client secret | WPL_AP1.<w16>.<e6+> | learn.microsoft.com/linkedin/shared/authentication
LinkedIn client id | near linkedin <w14> | learn.microsoft.com/linkedin/shared/authentication
Twitch token | near twitch <w30> | dev.twitch.tv/docs/authentication
Flickr token | near flickr <w32> | flickr.com/services/api
Gitter token | near gitter <b40> | developer.gitter.im
Mattermost token | near mattermost <w26> | developers.mattermost.com
Pinterest token | pina_<u80+> | developers.pinterest.com
New York Times key | near nytimes <b32> | developer.nytimes.com
Yandex token | near yandex <b30-64> | yandex.com/dev
Okta token in its header | near ssws 00<b40> | developer.okta.com/docs/api/openapi/okta-management/guides/overview
Okta token | near okta 00<b40> | developer.okta.com/docs/guides/create-an-api-token
Auth0 secret | near auth0 <b64> | auth0.com/docs
Authress key | sc_<o30+> | authress.io/knowledge-base
RapidAPI key | near rapidapi <w50> | docs.rapidapi.com
Riot Games key | RGAPI-<g> | developer.riotgames.com
WakaTime key | waka_<g> | wakatime.com/developers
Mapbox secret token | sk.eyJ<b40+>.<b20+> | docs.mapbox.com/api/accounts/tokens
Mapbox token | pk.eyJ<b40+>.<b20+> | docs.mapbox.com/api/accounts/tokens
MaxMind license key | <q36>_mmk | support.maxmind.com
Transifex token | 1/<h40> | developers.transifex.com
Intra42 secret | s-s4t2ud-<h64> | api.intra.42.fr/apidoc
Settlemint token | sm_pat_<w16> | settlemint.com/documentation
Settlemint application token | sm_aat_<w16> | settlemint.com/documentation
Settlemint service token | sm_sat_<w16> | settlemint.com/documentation
Looker secret | near looker <w24> | cloud.google.com/looker/docs
Freemius secret | sk_<t29> | freemius.com/help/documentation
Grafana key | eyJrIjoi<e60+> | grafana.com/docs/grafana/latest/developers/http_api/authentication
Grafana Cloud token | glc_<e32+> | grafana.com/docs/grafana-cloud/account-management/authentication-and-permissions
Grafana service account | glsa_<w32>_<h8> | grafana.com/docs/grafana/latest/administration/service-accounts
New Relic user key | NRAK-<u27> | docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys
New Relic admin key | NRAA-<h27> | docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys
New Relic browser key | NRJS-<h19> | docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys
New Relic insert key | NRII-<b32> | docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys
New Relic query key | NRIQ-<b32> | docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys
New Relic license key | <h36>NRAL | docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys
New Relic user id | near new-relic <w64> | docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys
Datadog application key | near datadog <h40> | docs.datadoghq.com/account_management/api-app-keys
Datadog key | near datadog <h32> | docs.datadoghq.com/account_management/api-app-keys
Dynatrace token | dt0c01.<u24>.<u64> | docs.dynatrace.com/docs/manage/identity-access-management/access-tokens-and-oauth-clients
Dynatrace OAuth secret | dt0s02.<u8>.<u64> | docs.dynatrace.com/docs/manage/identity-access-management
Sentry organisation token | sntrys_<e60+> | docs.sentry.io/account/auth-tokens
Sentry user token | sntryu_<h64> | docs.sentry.io/account/auth-tokens
Sentry older token | near sentry <h64> | docs.sentry.io/account/auth-tokens
Sumo Logic key | near sumo <w64> | help.sumologic.com/docs/manage/security/access-keys
Sumo Logic id | near sumo su<w12> | help.sumologic.com/docs/manage/security/access-keys
Honeycomb key | hcaik_<w40+> | docs.honeycomb.io
Honeycomb ingest key | hcbik_<w40+> | docs.honeycomb.io
Elastic Cloud key | essu_<e40+> | elastic.co/docs/api/doc/cloud
PagerDuty key | near pagerduty <b20> | developer.pagerduty.com
Rollbar token | near rollbar <h32> | docs.rollbar.com
Cisco Meraki key | near meraki <h40> | developer.cisco.com/meraki/api
OpenAI project key | sk-proj-<b20+> | platform.openai.com/docs/api-reference/authentication
OpenAI service account key | sk-svcacct-<b20+> | platform.openai.com/docs/api-reference/authentication
OpenAI admin key | sk-admin-<b20+> | platform.openai.com/docs/api-reference/authentication
OpenAI older key, DeepSeek, Stability | sk-<w20+> | platform.openai.com/docs/api-reference/authentication
Anthropic key | sk-ant-<b20+> | docs.anthropic.com/en/api
OpenRouter key | sk-or-v1-<h64> | openrouter.ai/docs/api-reference/authentication
Langfuse secret key | sk-lf-<g> | langfuse.com/docs
LangSmith token | lsv2_pt_<h32>_<h10> | docs.smith.langchain.com
LangSmith service key | lsv2_sk_<h32>_<h10> | docs.smith.langchain.com
Hugging Face token | hf_<w30+> | huggingface.co/docs/hub/security-tokens
Hugging Face organisation token | api_org_<w34> | huggingface.co/docs/hub/security-tokens
Replicate token | r8_<w37+> | replicate.com/docs/topics/security/api-tokens
Perplexity key | pplx-<w48> | docs.perplexity.ai
Groq key | gsk_<w52> | console.groq.com/docs
xAI key | xai-<w70+> | docs.x.ai
Cohere token | near cohere <w40> | docs.cohere.com
Mistral key | near mistral <w32> | docs.mistral.ai
Together key | tgp_v1_<b40+> | docs.together.ai
Fireworks key | fw_<w24> | docs.fireworks.ai
Cerebras key | csk-<w48> | inference-docs.cerebras.ai
NVIDIA key | nvapi-<b60+> | docs.nvidia.com/nim
Pinecone key | pcsk_<q50+> | docs.pinecone.io
Jina key | jina_<b50+> | docs.jina.ai
Tavily key | tvly-<b30+> | docs.tavily.com
Voyage key | pa-<b43> | docs.voyageai.com
ElevenLabs key | sk_<h48> | elevenlabs.io/docs
Deepgram key | near deepgram <h40> | developers.deepgram.com
AssemblyAI key | near assemblyai <h32> | assemblyai.com/docs
Private AI key | near private_ai <w32> | docs.private-ai.com
Weights & Biases key | near wandb <h40> | docs.wandb.ai
Firecrawl key | fc-<h32> | docs.firecrawl.dev
DeepL key | <b36>:fx | developers.deepl.com
Ghost admin key | near ghost <h24>:<h64> | ghost.org/docs/admin-api
age secret key | AGE-SECRET-KEY-1<u58> | github.com/C2SP/C2SP/blob/main/age.md
Cloudinary | cloudinary://<d10-18>:<b20-40> | cloudinary.com/documentation
Roblox cookie | _|WARNING:-DO-NOT-SHARE-THIS.<x100+> | create.roblox.com/docs
Apify token | apify_api_<w36> | docs.apify.com/platform/integrations/api
RunPod key | rpa_<w40+> | docs.runpod.io/get-started/api-keys
Xata key | xau_<w40+> | xata.io/docs/getting-started/generate-api-key
PostHog personal key | phx_<w40+> | posthog.com/docs/api
Inngest signing key | signkey-{prod|test|branch}-<h64> | inngest.com/docs/platform/signing-keys
StackHawk key | hawk.<w20>.<w20> | docs.stackhawk.com
Lichess token | lip_<w20+> | lichess.org/api
Zoho token | 1000.<h32>.<h32> | zoho.com/accounts/protocol/oauth
Rootly key | rootly_<h64> | docs.rootly.com/api-reference
Weights & Biases newer key | wandb_v1_<b70+> | docs.wandb.ai
Checkout.com key | {sk_|sk_sbox_}<l28+> | checkout.com/docs/developer-resources/api
Xendit key | xnd_{production|development}_<w40+> | docs.xendit.co
Midtrans server key | Mid-server-<b24> | docs.midtrans.com
Mercado Pago token | APP_USR-<d12-18>-<d6>-<h32>-<d6-12> | mercadopago.com/developers
Klarna key | klarna_{live|test}_api_<e40+> | docs.klarna.com
SumUp key | sup_sk_<w30+> | developer.sumup.com
Omise key | skey_{test_|live_|}<l19> | docs.omise.co
Asaas key | $aact_<e60+> | docs.asaas.com
Brex token | bxt_<w40+> | developer.brex.com
Cal.com key | cal_live_<h32> | cal.com/docs/api-reference
Svix token | sk_<w32>.<l2> | docs.svix.com
Svix testing token | testsk_<w32>.<l2> | docs.svix.com
MailerSend token | mlsn.<h64> | developers.mailersend.com
OneSignal key | os_v2_{app|org}_<l90+> | documentation.onesignal.com
PubNub secret | sec-c-<b40+> | pubnub.com/docs
SendGrid and Twilio Segment token | sgp_<w60+> | docs.segmentapis.com
Telnyx key | KEY<h32>_<w22> | developers.telnyx.com
SMTP2GO key | api-<u32> | developers.smtp2go.com
Aiven password | AVNS_<b12+> | aiven.io/docs
CockroachDB Cloud key | CCDB1_<w22>_<w40> | cockroachlabs.com/docs/cockroachcloud
DataStax Astra token | AstraCS:<b20+>:<h64> | docs.datastax.com
Materialize password | mzp_<h64> | materialize.com/docs
Fauna key | fnA<b37+> | docs.fauna.com
Axiom token | {xaat|xapt}-<g> | axiom.co/docs
Honeybadger token | hbp_<w36> | docs.honeybadger.io
New Relic mobile token | <h40>-NRMA | docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys
NetBird token | nbp_<w36> | docs.netbird.io
Ory token | ory_{pat|st|at|rt}_<b32+> | ory.sh/docs
n8n key | n8n_api_<h40+> | docs.n8n.io
UpCloud token | ucat_<u26> | developers.upcloud.com
Linear OAuth token | lin_oauth_<h64> | linear.app/developers
Snyk newer token | snyk_{uat|sat}.<h8>.<b40+> | docs.snyk.io/snyk-api
Socket key | sktsec_<b40+> | docs.socket.dev
DeepSource token | dsp_<h40> | docs.deepsource.com
Endor Labs key | endr+<b16+> | docs.endorlabs.com
E2B key | e2b_<h40> | e2b.dev/docs
LlamaCloud key | llx-<w48> | docs.llamaindex.ai
Browserbase key | bb_{live|test}_<b27> | docs.browserbase.com
Anyscale key | esecret_<w24+> | docs.anyscale.com
Helicone key | sk-helicone-<l7>-<l7>-<l7>-<l7> | docs.helicone.ai
Brave Search key | BSA<b28> | api-dashboard.search.brave.com
Google Gemini newer key | AQ.<b50> | ai.google.dev/gemini-api/docs/api-key
Turbopuffer key | tpuf_<w32+> | turbopuffer.com/docs
Trigger.dev key | tr_{dev|prod|stg}_<w20+> | trigger.dev/docs
GrowthBook secret | secret_admin_<b40+> | docs.growthbook.io
DevCycle server key | dvc_server_<b30+> | docs.devcycle.com
Stytch secret | secret-{live|test}-<a36> | stytch.com/docs
Mercury token | mercury_production_<b30+> | docs.mercury.com
Qovery token | qov_<w40+> | qovery.com/docs
Shopify app token | shptka_<h32> | shopify.dev/docs/apps/build/authentication-authorization
Zuplo key | zpka_<h32>_<h8> | zuplo.com/docs
Retool key | retool_<l26+> | docs.retool.com
Twitch chat token | oauth:<l30> | dev.twitch.tv/docs/chat
Bitwarden access token | 0.<g>.<w30>:<e24> | bitwarden.com/help/access-tokens
Nomic key | nk-<b43> | docs.nomic.ai
`;

/** The letters of shapes. `g` is a UUID. */
export const classes: Readonly<Record<string, string>> = {
	w: "A-Za-z0-9",
	u: "A-Z0-9",
	l: "a-z0-9",
	h: "0-9a-fA-F",
	d: "0-9",
	b: "A-Za-z0-9_-",
	q: "A-Za-z0-9_",
	a: "A-Za-z0-9_=-",
	e: "A-Za-z0-9+/=_%.-",
	o: "A-Za-z0-9_.=-",
	y: "A-Za-z0-9_~.-",
	p: "A-Za-z0-9_@./-",
	t: "A-Za-z0-9!@#$%^&*_.~?+=-",
	x: "A-Za-z0-9_|:. ,'-",
};
