package audit

import "slices"

// manager is a consent manager: how its controls are found, as CSS selectors, and
// what it needs to keep a choice. Selectors are looked for in open shadow roots and
// in frames too; the first that is visible counts. Facts only: they come from what
// these products put into pages.
type manager struct {
	Name     string   `json:"name"`
	Present  []string `json:"present"`  // tells that the manager is there, visible or not
	Accept   []string `json:"accept"`   // accepts everything
	Refuse   []string `json:"refuse"`   // refuses everything that can be refused
	Settings []string `json:"settings"` // opens the choices
	Save     []string `json:"save"`     // confirms the choices
	Withdraw []string `json:"withdraw"` // opens the choices again, later
	keeps    []string // names or patterns of cookies and keys that hold the choice
}

// managers lists the known consent managers, the module first.
var managers = slices.Concat(commonManagers, moreManagers)

// commonManagers are the module and the managers that are met most.
var commonManagers = []manager{
	{
		Name:     "caddy-cookie-consent",
		Present:  []string{`[data-cookie-consent-inserted]`},
		Accept:   []string{`button[data-cookie-consent="accept-all"]`},
		Refuse:   []string{`button[data-cookie-consent="refuse-all"]`},
		Settings: []string{`[data-cookie-consent="customize"]`},
		Save:     []string{`button[data-cookie-consent="save"]`},
		Withdraw: []string{`[data-cookie-consent="open"]`, `[data-cookie-consent="change"]`},
	},
	{
		Name:     "OneTrust",
		Present:  []string{`#onetrust-consent-sdk`, `script[src*="cookielaw.org"]`, `script[src*="otSDKStub"]`},
		Accept:   []string{`#onetrust-accept-btn-handler`, `#accept-recommended-btn-handler`},
		Refuse:   []string{`#onetrust-reject-all-handler`, `.ot-pc-refuse-all-handler`},
		Settings: []string{`#onetrust-pc-btn-handler`},
		Save:     []string{`.save-preference-btn-handler`},
		Withdraw: []string{`.ot-floating-button__open`, `#ot-sdk-btn`, `.ot-sdk-show-settings`},
		keeps:    []string{"OptanonConsent", "OptanonAlertBoxClosed", "eupubconsent-v2", "OTAdditionalConsentString"},
	},
	{
		Name:     "Cookiebot",
		Present:  []string{`#CybotCookiebotDialog`, `script[src*="cookiebot.com"]`, `script#Cookiebot`},
		Accept:   []string{`#CybotCookiebotDialogBodyLevelButtonLevelOptinAllowAll`, `#CybotCookiebotDialogBodyButtonAccept`, `#CybotCookiebotDialogBodyLevelButtonAccept`},
		Refuse:   []string{`#CybotCookiebotDialogBodyButtonDecline`, `#CybotCookiebotDialogBodyLevelButtonLevelOptinDeclineAll`},
		Settings: []string{`#CybotCookiebotDialogBodyLevelButtonCustomize`, `#CybotCookiebotDialogNavDetails`},
		Save:     []string{`#CybotCookiebotDialogBodyLevelButtonLevelOptinAllowallSelection`},
		Withdraw: []string{`#CookiebotWidget button`, `#CookiebotWidget`, `[href*="Cookiebot.renew"]`, `[onclick*="Cookiebot.renew"]`},
		keeps:    []string{"CookieConsent", "CookieConsentBulkSetting-*"},
	},
	{
		Name:     "Didomi",
		Present:  []string{`#didomi-host`, `script[src*="privacy-center.org"]`},
		Accept:   []string{`#didomi-notice-agree-button`, `#btn-toggle-agree`},
		Refuse:   []string{`#didomi-notice-disagree-button`, `.didomi-continue-without-agreeing`, `#btn-toggle-disagree`},
		Settings: []string{`#didomi-notice-learn-more-button`},
		Save:     []string{`#btn-toggle-save`},
		Withdraw: []string{`[href*="Didomi.preferences.show"]`, `[onclick*="Didomi.preferences.show"]`},
		keeps:    []string{"didomi_token", "euconsent-v2"},
	},
	{
		Name:     "Axeptio",
		Present:  []string{`#axeptio_overlay`, `.axeptio_mount`, `script[src*="axept.io"]`},
		Accept:   []string{`#axeptio_btn_acceptAll`},
		Refuse:   []string{`#axeptio_btn_dismiss`, `.ax-discardButton`},
		Settings: []string{`#axeptio_btn_configure`},
		Save:     []string{`#axeptio_btn_next`},
		Withdraw: []string{`#axeptio_main_button`, `[onclick*="openAxeptioCookies"]`, `[href*="openAxeptioCookies"]`},
		keeps:    []string{"axeptio_cookies", "axeptio_all_vendors", "axeptio_authorized_vendors"},
	},
	{
		Name:     "tarteaucitron",
		Present:  []string{`#tarteaucitronRoot`},
		Accept:   []string{`#tarteaucitronPersonalize2`, `#tarteaucitronAllAllowed`},
		Refuse:   []string{`#tarteaucitronAllDenied2`, `#tarteaucitronAllDenied`},
		Settings: []string{`#tarteaucitronCloseAlert`},
		Save:     []string{`#tarteaucitronSaveButton`},
		Withdraw: []string{`#tarteaucitronManager`, `#tarteaucitronIcon`, `[href="#tarteaucitron"]`},
		keeps:    []string{"tarteaucitron"},
	},
	{
		Name:     "Usercentrics",
		Present:  []string{`#usercentrics-root`, `#usercentrics-cmp-ui`, `#usercentrics-button`, `script[src*="usercentrics.eu"]`},
		Accept:   []string{`[data-testid="uc-accept-all-button"]`, `#usercentrics-cmp-ui [data-action-type="accept"]`, `[data-action-type="accept"]`, `#uc-btn-accept-banner`},
		Refuse:   []string{`[data-testid="uc-deny-all-button"]`, `[data-action-type="deny"]`, `#uc-btn-deny-banner`},
		Settings: []string{`[data-testid="uc-more-button"]`, `[data-testid="uc-customize-anchor"]`, `[data-action-type="more"]`},
		Save:     []string{`[data-testid="uc-save-button"]`, `[data-action-type="save"]`},
		Withdraw: []string{`[data-testid="uc-privacy-button"]`, `#uc-corner-modal-icon`, `[onclick*="UC_UI.showSecondLayer"]`, `[href*="UC_UI.showSecondLayer"]`},
		keeps:    []string{"uc_settings", "uc_user_interaction", "uc_ui_version", "uc_gcm", "ucString", "ucData"},
	},
	{
		Name:     "InMobi (Quantcast) Choice",
		Present:  []string{`#qc-cmp2-container`, `script[src*="quantcast.mgr.consensu.org"]`, `script[src*="cmp.inmobi.com"]`},
		Accept:   []string{`#qc-cmp2-ui #accept-btn`, `.qc-cmp2-summary-buttons button[mode="primary"]`, `.qc-cmp2-buttons-desktop button[mode="primary"]`},
		Refuse:   []string{`#qc-cmp2-ui #disagree-btn`, `.qc-cmp2-close-icon`},
		Settings: []string{`#qc-cmp2-ui #more-options-btn`, `.qc-cmp2-summary-buttons button[mode="secondary"]`},
		Save:     []string{`#qc-cmp2-ui #save-and-exit`},
		Withdraw: []string{`#qc-cmp2-persistent-link`, `[onclick*="displayConsentUi"]`},
		keeps:    []string{"euconsent-v2", "addtl_consent", "_cmpRepromptHash", "CMPList", "noniabvendorconsent"},
	},
	{
		Name:     "Sourcepoint",
		Present:  []string{`[id^="sp_message_container"]`, `iframe[id^="sp_message_iframe"]`, `script[src*="sp-prod.net"]`, `script[src*="privacy-mgmt.com"]`},
		Accept:   []string{`button.sp_choice_type_11`, `button.sp_choice_type_ACCEPT_ALL`},
		Refuse:   []string{`button.sp_choice_type_13`, `button.sp_choice_type_REJECT_ALL`},
		Settings: []string{`button.sp_choice_type_12`},
		Save:     []string{`button.sp_choice_type_SAVE_AND_EXIT`},
		Withdraw: []string{`[onclick*="loadPrivacyManagerModal"]`, `[href*="loadPrivacyManagerModal"]`},
		keeps:    []string{"consentUUID", "consentDate", "euconsent-v2", "_sp_user_consent_*", "_sp_local_state", "_sp_non_keyed_local_state"},
	},
	{
		Name:     "TrustArc",
		Present:  []string{`#truste-consent-track`, `.truste_popframe`, `#teconsent`, `script[src*="trustarc.com"]`},
		Accept:   []string{`#truste-consent-button`, `.trustarc-acceptall-btn`, `a.call`, `.acceptAllButtonLower`},
		Refuse:   []string{`#truste-consent-required`, `.trustarc-declineall-btn`, `a.required`, `.declineAllButtonLower`},
		Settings: []string{`#truste-show-consent`, `.trustarc-manage-btn`},
		Save:     []string{`a.submit`, `.submitbtn`},
		Withdraw: []string{`#teconsent a`, `#teconsent`},
		keeps:    []string{"notice_behavior", "notice_gdpr_prefs", "notice_preferences", "cmapi_cookie_privacy", "cmapi_gtm_bl", "TAsessionID"},
	},
	{
		Name:     "Osano",
		Present:  []string{`.osano-cm-window`, `script[src*="cmp.osano.com"]`},
		Accept:   []string{`.osano-cm-accept-all`, `.osano-cm-accept`},
		Refuse:   []string{`.osano-cm-denyAll`, `.osano-cm-deny`},
		Settings: []string{`.osano-cm-manage`},
		Save:     []string{`.osano-cm-save`},
		Withdraw: []string{`.osano-cm-widget`, `[onclick*="Osano.cm.showDrawer"]`},
		keeps:    []string{"osano_consentmanager", "osano_consentmanager_uuid"},
	},
	{
		Name:     "cookieconsent (Osano, open source)",
		Present:  []string{`.cc-window`, `.cc-revoke`},
		Accept:   []string{`.cc-window .cc-allow`, `.cc-window .cc-dismiss`},
		Refuse:   []string{`.cc-window .cc-deny`},
		Settings: []string{`.cc-window .cc-settings`},
		Withdraw: []string{`.cc-revoke`},
		keeps:    []string{"cookieconsent_status"},
	},
	{
		Name:     "CookieYes",
		Present:  []string{`.cky-consent-container`, `.cky-consent-bar`, `script[src*="cookieyes.com"]`},
		Accept:   []string{`.cky-btn-accept`},
		Refuse:   []string{`.cky-btn-reject`},
		Settings: []string{`.cky-btn-customize`},
		Save:     []string{`.cky-btn-preferences`},
		Withdraw: []string{`.cky-btn-revisit`, `.cky-btn-revisit-wrapper button`},
		keeps:    []string{"cookieyes-consent", "cky-consent", "cky-action"},
	},
	{
		Name:     "GDPR Cookie Consent (WebToffee)",
		Present:  []string{`#cookie-law-info-bar`, `.cli-modal`},
		Accept:   []string{`#wt-cli-accept-all-btn`, `#cookie_action_close_header`, `.wt-cli-accept-all-btn`},
		Refuse:   []string{`#cookie_action_close_header_reject`, `#wt-cli-reject-btn`, `.cookie_action_close_header_reject`},
		Settings: []string{`.cli_settings_button`},
		Save:     []string{`#wt-cli-privacy-save-btn`},
		Withdraw: []string{`#cookie-law-info-again`},
		keeps:    []string{"viewed_cookie_policy", "CookieLawInfoConsent", "cookielawinfo-checkbox-*", "cli_user_preference"},
	},
	{
		Name:     "Complianz",
		Present:  []string{`#cmplz-cookiebanner-container`, `.cmplz-cookiebanner`},
		Accept:   []string{`.cmplz-btn.cmplz-accept`, `.cmplz-accept`},
		Refuse:   []string{`.cmplz-btn.cmplz-deny`, `.cmplz-deny`},
		Settings: []string{`.cmplz-view-preferences`},
		Save:     []string{`.cmplz-save-preferences`},
		Withdraw: []string{`.cmplz-manage-consent`, `.cmplz-show-banner`},
		keeps:    []string{"cmplz_*"},
	},
	{
		Name:     "Borlabs Cookie",
		Present:  []string{`#BorlabsCookieBox`, `.brlbs-cmpnt-dialog`},
		Accept:   []string{`.brlbs-btn-accept-all`, `#BorlabsCookieBox [data-cookie-accept-all]`, `#BorlabsCookieBox [data-cookie-accept]`},
		Refuse:   []string{`.brlbs-btn-accept-only-essential`, `#BorlabsCookieBox [data-cookie-refuse]`},
		Settings: []string{`#BorlabsCookieBox [data-cookie-individual]`, `[data-borlabs-cookie-actions="preferences"]`},
		Save:     []string{`.brlbs-btn-save`, `#CookiePrefSave`},
		Withdraw: []string{`.borlabs-cookie-open-dialog-preferences`, `.borlabs-cookie-preference`, `#BorlabsCookieBoxWidget`},
		keeps:    []string{"borlabs-cookie"},
	},
	{
		Name:     "iubenda",
		Present:  []string{`#iubenda-cs-banner`, `script[src*="iubenda.com/cs"]`},
		Accept:   []string{`.iubenda-cs-accept-btn`},
		Refuse:   []string{`.iubenda-cs-reject-btn`, `.iub-btn-reject`},
		Settings: []string{`.iubenda-cs-customize-btn`},
		Save:     []string{`#iubFooterBtn`},
		Withdraw: []string{`.iubenda-tp-btn`, `.iubenda-cs-preferences-link`, `.iubenda-cs-uspr-link`},
		keeps:    []string{"_iub_cs-*", "euconsent-v2", "usprivacy"},
	},
	{
		Name:     "Klaro",
		Present:  []string{`.klaro`, `#klaro`},
		Accept:   []string{`.klaro .cookie-notice .cm-btn-success`, `.klaro .cm-btn-accept-all`},
		Refuse:   []string{`.klaro .cn-decline`, `.klaro .cm-btn-decline`},
		Settings: []string{`.klaro .cn-learn-more`},
		Save:     []string{`.klaro .cookie-modal .cm-btn-accept`},
		Withdraw: []string{`[onclick*="klaro.show"]`, `[href*="klaro.show"]`, `.open-klaro-modal`},
		keeps:    []string{"klaro"},
	},
	{
		Name:     "Orejime",
		Present:  []string{`.orejime-Env`, `.orejime-Banner`, `.orejime-Notice`, `.orejime-Main`},
		Accept:   []string{`.orejime-Banner-saveButton`, `.orejime-Notice-saveButton`},
		Refuse:   []string{`.orejime-Banner-declineButton`, `.orejime-Notice-declineButton`},
		Settings: []string{`.orejime-Banner-learnMoreButton`, `.orejime-Notice-learnMoreButton`},
		Save:     []string{`.orejime-Modal-saveButton`},
		Withdraw: []string{`[onclick*="orejime"]`, `.consent-modal-button`},
		keeps:    []string{"eu-consent", "orejime"},
	},
	{
		Name:     "cookieconsent (orestbida)",
		Present:  []string{`#cc-main`, `#cc--main`},
		Accept:   []string{`#cc-main .cm [data-role="all"]`, `#cc-main [data-role="all"]`, `#cc--main #c-p-bn`, `#cc--main #s-all-bn`},
		Refuse:   []string{`#cc-main .cm [data-role="necessary"]`, `#cc-main [data-role="necessary"]`, `#cc--main #c-s-bn[data-cc="accept-necessary"]`, `#cc--main #s-rall-bn`},
		Settings: []string{`#cc-main .cm [data-role="show"]`, `#cc--main #c-s-bn`},
		Save:     []string{`#cc-main [data-role="save"]`, `#cc--main #s-sv-bn`},
		Withdraw: []string{`[data-cc="show-preferencesModal"]`, `[data-cc="c-settings"]`, `[data-cc="show-consentModal"]`},
		keeps:    []string{"cc_cookie"},
	},
}
