package audit

// The words by which a control is known where no manager is, in French, English,
// German, Spanish and Italian. Each is a regular expression in the syntax of
// JavaScript, matched against the whole label: lower case, without accents, blanks
// made one. Refusal is tried before settings, and settings before acceptance, so
// that "save my choices" is none of them.

// refusing are the labels of a refusal.
var refusing = []string{
	`(tout |tous |je |non,? |j'ai dit non,? )?(refuse[rz]?|rejete[rz]?|rejette|decline[rz]?|interdire|bloquer)( tout| tous| toutes)?( les)?( cookies| traceurs)?( optionnels| non essentiels| non necessaires| facultatifs)?( et (continuer|fermer))?`,
	`(continuer|poursuivre|naviguer|fermer|entrer)( la navigation)? sans (accepter|consentir|cookies?)( et fermer)?.{0,4}`,
	`(uniquement |seulement )?(les )?(cookies |traceurs )?(strictement )?(necessaires|essentiels|obligatoires|techniques)( uniquement| seulement)?`,
	`(accepter|autoriser|garder) (uniquement|seulement|que) (les )?(cookies )?(strictement )?(necessaires|essentiels|techniques)`,
	`n'accepter que (les )?(cookies )?(strictement )?(necessaires|essentiels|techniques)`,
	`non,? merci`,
	`(reject|refuse|decline|deny|disagree|block|turn off)( all| everything| to all)?( the)?( optional| non-?essential| additional| analytics| tracking)?( cookies| tracking| trackers)?( (and|&) (close|continue))?`,
	`(i |no,? i )?(do not|don'?t|dont) (accept|agree|consent|allow)( to)?( all)?( cookies)?`,
	`(continue|proceed|close|go on) without (accepting|agreeing|consent|cookies)( and close)?.{0,4}`,
	`(accept |allow |use |only |just |keep )*(the )?(strictly )?(necessary|essential|required|functional|technical)( cookies)?( only)?`,
	`no,? (thanks|thank you)`, `opt[- ]?out( of all)?`,
	`(alle |alles |ich |nein,? )?(cookies )?(lehne )?(ablehnen|verweigern|ab|nicht akzeptieren|nicht zustimmen|nicht einwilligen)( und (schliessen|fortfahren|weiter))?`,
	`(nur |lediglich )?(die )?(technisch |unbedingt )?(notwendige|essenzielle|essentielle|erforderliche|funktionale)n?( cookies)?( (akzeptieren|zulassen|erlauben|verwenden|annehmen))?`,
	`(weiter|fortfahren) ohne (einwilligung|zustimmung|zu akzeptieren|cookies)`,
	`(rechazar|denegar|rechazo|no aceptar|no acepto|desactivar)( todo| todas| todos)?( las| los)?( cookies)?( opcionales| no esenciales)?( y (cerrar|continuar))?`,
	`(continuar|seguir|navegar) sin aceptar.{0,4}`,
	`(solo |aceptar solo |unicamente |usar solo )?(las )?(cookies )?(estrictamente )?(necesarias|esenciales|tecnicas)( solo| solamente| unicamente)?`,
	`(rifiuta|rifiuto|rifiutare|nega|non accetto|non accettare)( tutto| tutti| tutte)?( i)?( cookie)?( non necessari)?( e (chiudi|continua))?`,
	`(continua|prosegui|chiudi) senza accettare.{0,4}`,
	`(solo |accetta solo |usa solo )?(i )?(cookie )?(strettamente )?(necessari|essenziali|tecnici)( solo)?`,
	`(accetta|accettare) (solo )?(i )?(cookie )?necessari`,
}

// setting are the labels of what opens the choices.
var setting = []string{
	`(je )?(personnaliser?|parametre[rs]?|parametrage|configurer|gerer|choisir|modifier|preferences|options)( (mes|les|des|vos|tous les|de))?( (choix|cookies|traceurs|preferences|parametres|consentements?|gestion))*`,
	`(plus d'options|en savoir plus|voir (les|mes) (options|preferences|finalites)|afficher les (finalites|details))`,
	`(cookie |privacy |consent |more |manage |customi[sz]e |configure |adjust |change |set |view |show |your |my |all |open )*(settings|preferences|options|choices|customi[sz]e|configure|manage|purposes|details|cookies|consent|privacy)( settings| preferences| choices)?`,
	`(learn|find out|read) more( about cookies)?`, `let me choose`,
	`(cookie-?|datenschutz-?|privatsphare-?|individuelle |weitere |meine |erweiterte )*(einstellungen|optionen|auswahl|praferenzen|details)( (anpassen|verwalten|andern|anzeigen|offnen|bearbeiten))?`,
	`(anpassen|verwalten|konfigurieren|mehr (erfahren|optionen|informationen))`,
	`(configurar?|configuracion|personalizar|gestionar|administrar|ajustar|ajustes|preferencias|mas (opciones|informacion)|ver opciones)( (de|mis|las|los))*( (cookies|preferencias|opciones|privacidad))?`,
	`(personalizza|gestisci|configura|imposta|impostazioni|preferenze|opzioni|scopri di piu|piu opzioni|mostra dettagli)( (le|i|dei|sui|tue|delle))*( (cookie|preferenze|opzioni|scelte|privacy))?`,
}

// saving are the labels of what confirms the choices.
var saving = []string{
	`(enregistrer|sauvegarder|valider|confirmer)( (mes|les|et|ma|vos))*( (choix|preferences|parametres|selection|fermer|quitter|continuer))*`,
	`(save|confirm|submit|apply|update)( (my|your|and|the|current))*( (choices?|preferences|settings|selection|exit|close|continue))*`,
	`(auswahl |einstellungen |meine auswahl )?(speichern|bestatigen|ubernehmen)( und (schliessen|fortfahren))?`, `auswahl (erlauben|akzeptieren)`,
	`(guardar|confirmar)( (mis|la|las|y|mi))*( (preferencias|seleccion|configuracion|opciones|ajustes|salir|cerrar|elecciones))*`,
	`(salva|conferma)( (le|la|e|mie))*( (preferenze|selezione|scelte|impostazioni|esci|chiudi))*`,
}

// accepting are the labels of an acceptance.
var accepting = []string{
	`(tout |tous |oui,? |ok,? |j'?|je )*(accepte[rz]?|autorise[rz]?|consens|suis d'accord|d'accord|d'accord pour tout)( tout| tous| toutes)?( les| ces)?( cookies| traceurs)?( et (continuer|fermer|poursuivre))?`,
	`(ok|ok pour moi|c'est ok|j'ai compris|compris|d'accord|oui)( (pour|a) tout(es)?)?.{0,3}`,
	`(i |yes,? |yes,? i |ok,? )?(accept|agree|allow|consent|enable|approve)( all| everything| to all)?( the)?( cookies| tracking)?( (and|&) (close|continue|proceed))?`,
	`(ok|okay|got it|i understand|understood|that'?s (ok|fine)|yes|sure|sounds good)[!.]?`,
	`(ja,? |ich )?(alle |allen |allem )?(cookies )?(akzeptieren?|zustimmen|stimme zu|annehmen|erlauben|zulassen|einwilligen|einverstanden|verstanden)( und (schliessen|fortfahren|weiter))?`,
	`(si,? )?(aceptar|acepto|permitir|consentir|de acuerdo|entendido|vale)( todo| todas| todos)?( las| los)?( cookies)?( y (cerrar|continuar))?`,
	`(si,? )?(accetta|accetto|accettare|acconsento|consenti|ho capito|va bene)( tutto| tutti| tutte)?( i)?( cookie)?( e (chiudi|continua))?`,
}

// reopening are the labels of what opens the choices again, anywhere in a page.
var reopening = []string{
	`(gerer|gestion|modifier|parametre[rs]?|parametrage|preferences|personnaliser|choix|consentement|retirer|revoir|reglages|panneau de gestion|centre de gestion)( (de|des|du|les|mes|vos|mon|votre|sur|aux|relatifs|en matiere de))*( (choix|cookies?|traceurs|preferences|consentements?|confidentialite|vie privee))+`,
	`cookies? *:? *(gerer|gestion|preferences|parametres)`,
	`(cookie|cookies|consent|privacy|tracking)( and privacy)? (settings|preferences|choices|options|manager|controls|consent)`,
	`(manage|change|edit|update|review|withdraw|revoke|open|adjust|customi[sz]e)( (my|your|the|cookie|privacy|consent))*( (cookies?|consent|preferences|choices|settings|privacy))+`,
	`(your|my) (privacy|cookie) (choices|settings|preferences)`,
	`(cookie|cookies|datenschutz|privatsphare|einwilligung|consent)[- ]?(einstellungen|praferenzen|verwalten|andern|anpassen|widerrufen|verwaltung)( (andern|anpassen|verwalten|offnen))?`,
	`(einwilligung|zustimmung)(en)? (widerrufen|andern|verwalten)`,
	`(configur\w+|gestionar|preferencias|ajustes|revocar|cambiar|panel)( (de|las|mis|el|sobre))*( (cookies|consentimiento|preferencias|privacidad))+`,
	`(impostazioni|preferenze|gestisci|gestione|revoca|modifica|rivedi)( (dei|i|le|sui|il|tue|delle|di|sulla))*( (cookie|consenso|preferenze|scelte|privacy))+`,
	`cookies?`, `(politique|charte|gestion) (de gestion )?(des|de|relative aux) cookies`, `cookies? (policy|notice|statement)`, `cookie-richtlinie`, `politica de cookies`, `(informativa|politica)( sui)? cookie`,
}

// asking is a text that a banner has and few other parts of a page.
var asking = []string{
	`cookie`, `traceur`, `tracker`, `tracking`, `consent`, `rgpd`, `gdpr`, `dsgvo`, `einwillig`, `datenschutz`, `vie privee`, `donnees personnelles`,
	`your privacy`, `privacidad`, `consenso`, `consentimiento`, `partenaires`, `our partners`, `unsere partner`,
}
